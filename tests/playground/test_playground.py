"""The playground as people use it: in a real browser, by mouse, keyboard, telephone and mistake."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as PillowImage

from synres.domain.masks import decode_mask
from synres.domain.types import Rle
from tests.pictures import EXPRESSIONS, Scene
from tests.playground.conftest import PHONE, OpenPage, Site, a_scene

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def _rows(page: Page) -> Locator:
    return page.locator("#expressions .text")


def _fill(page: Page, picture: Path, *expressions: str) -> None:
    page.set_input_files("#file", picture)
    page.locator("#canvas").wait_for()
    for index, text in enumerate(expressions):
        if index >= _rows(page).count():
            page.click("#add")
        _rows(page).nth(index).fill(text)


def _find(page: Page, picture: Path, *expressions: str) -> None:
    _fill(page, picture, *expressions)
    page.click("#find")
    page.locator("#outcome").wait_for()


def _pixel(page: Page, x: int, y: int) -> list[int]:
    return page.evaluate(
        """([x, y]) => {
            const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
            copy.drawImage(canvas, -x, -y);
            return [...copy.getImageData(0, 0, 1, 1).data];
        }""",
        [x, y],
    )


def _saved(page: Page, button: str) -> bytes:
    with page.expect_download() as found:
        page.click(button)
    return Path(found.value.path()).read_bytes()


def _middle(scene: Scene, index: int) -> tuple[int, int]:
    """Of an object, beside the number that is drawn on it."""
    rows, columns = np.nonzero(scene.masks[index])
    return int(columns.mean()) + 16, int(rows.mean())


def test_several_expressions_become_masks(site: Site, open_page: OpenPage, picture: Path) -> None:
    """Typed and asked by keyboard: a mask in its colour, a score and a box for each, times and the model."""
    page = open_page(site.url)
    page.set_input_files("#file", picture)
    page.locator("#canvas").wait_for()
    before = _pixel(page, *_middle(a_scene(), 1))
    _rows(page).first.focus()
    page.keyboard.type(EXPRESSIONS[0])
    page.keyboard.press("Shift+Enter")
    page.keyboard.type(EXPRESSIONS[1])
    page.keyboard.press("Enter")
    page.locator("#outcome").wait_for()
    assert page.locator("#said").inner_text() == "Found 2 of 2."
    found = page.locator(".found").all_inner_texts()
    assert all(text.startswith("score 0.") and "box" in text for text in found)
    assert _pixel(page, *_middle(a_scene(), 1)) != before
    assert "model" in page.locator("#times-list").inner_text()
    assert "Apache-2.0" in page.locator("#model-facts").inner_text()
    assert EXPRESSIONS[1] in (page.locator("#canvas").get_attribute("aria-label") or "")


def test_a_mask_can_be_hidden_and_boxes_shown(site: Site, open_page: OpenPage, picture: Path) -> None:
    """By buttons that say what they do and what state they are in."""
    page = open_page(site.url)
    _find(page, picture, *EXPRESSIONS[:2])
    at = _middle(a_scene(), 0)
    shown = _pixel(page, *at)
    page.get_by_role("button", name="Hide mask 1").click()
    assert _pixel(page, *at) != shown
    assert page.get_by_role("button", name="Show mask 1").is_visible()
    with_masks = page.evaluate("canvas.toDataURL()")
    page.get_by_label("Boxes").check()
    assert page.evaluate("canvas.toDataURL()") != with_masks


def test_what_is_not_there_is_said(site: Site, open_page: OpenPage, tmp_path: Path) -> None:
    """An empty mask is an answer."""
    file = tmp_path / "grey.png"
    PillowImage.new("RGB", (96, 96), (120, 118, 116)).save(file)
    page = open_page(site.url)
    _find(page, file, "the small red circle")
    assert page.locator(".found").inner_text() == "No target: nothing in the picture fits."
    assert page.locator("#said").inner_text() == "Nothing in the picture fits."


def test_the_example_needs_no_picture(site: Site, open_page: OpenPage) -> None:
    """Two clicks from nothing to masks."""
    page = open_page(site.url)
    page.click("#example")
    page.locator("#canvas").wait_for()
    page.click("#find")
    page.locator("#outcome").wait_for()
    assert page.locator("#said").inner_text() == "Found 3 of 3."


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_can_be_dropped_or_pasted(site: Site, open_page: OpenPage, picture: Path, way: str) -> None:
    """Anywhere on the page."""
    page = open_page(site.url)
    page.evaluate(
        """([text, way]) => {
            const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
            const data = new DataTransfer();
            data.items.add(new File([bytes], "a.png", { type: "image/png" }));
            document.body.dispatchEvent(way === "drop"
                ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                : new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        [base64.b64encode(picture.read_bytes()).decode(), way],
    )
    page.locator("#canvas").wait_for()
    assert "384 \u00d7 384" in page.locator("#picture-facts").inner_text()


def test_what_is_found_can_be_taken_away(
    site: Site, open_page: OpenPage, picture: Path, tmp_path: Path
) -> None:
    """The painted picture, the run lengths, and a command that gives the same once more."""
    page = open_page(site.url, accept_downloads=True)
    _find(page, picture, EXPRESSIONS[0], "it's the blue square")
    assert PillowImage.open(io.BytesIO(_saved(page, "#save-png"))).size == (384, 384)
    told = json.loads(_saved(page, "#save-rle"))
    rle = told["masks"][0]["rle"]
    found, truth = decode_mask(Rle(tuple(rle["size"]), rle["counts"])), a_scene().masks[0]
    assert (found & truth).sum() / (found | truth).sum() > 0.85
    script = tmp_path / "segment.sh"
    script.write_bytes(_saved(page, "#save-curl"))
    again = subprocess.run(["sh", script], cwd=picture.parent, capture_output=True, check=True)
    assert json.loads(again.stdout)["masks"] == told["masks"]


def test_the_painted_picture_is_what_is_seen(site: Site, open_page: OpenPage, picture: Path) -> None:
    """Pixel for pixel the canvas, hidden masks left out."""
    page = open_page(site.url, accept_downloads=True)
    _find(page, picture, *EXPRESSIONS)
    page.get_by_role("button", name="Hide mask 2").click()
    saved = np.asarray(PillowImage.open(io.BytesIO(_saved(page, "#save-png"))).convert("RGBA"))
    x, y = _middle(a_scene(), 1)
    assert saved[y, x].tolist() == _pixel(page, x, y)


def test_an_expired_key_is_asked_for_again(locked_site: Site, open_page: OpenPage, picture: Path) -> None:
    """The page says so, opens the field, and goes on by itself with a good one; none is kept for long."""
    page = open_page(locked_site.url)
    _fill(page, picture, EXPRESSIONS[0])
    for name, told in (("", "API key is needed"), ("expired", "expired on 2020-01-31")):
        if name:
            page.fill("#key", locked_site.keys[name])
            page.keyboard.press("Enter")
        else:
            page.click("#find")
        page.locator("#error-message", has_text=told).wait_for()
        assert page.locator("#error-code").inner_text() == "UNAUTHENTICATED"
        assert page.evaluate("document.activeElement.id") == "key"
    page.fill("#key", locked_site.keys["good"])
    page.keyboard.press("Enter")
    page.locator("#outcome").wait_for()
    assert not page.locator("#error").is_visible()
    assert page.evaluate("localStorage.length") == 0
    assert page.context.cookies() == []
    assert locked_site.keys["good"] not in page.content()


def test_who_calls_too_often_is_told_when_to_return(
    locked_site: Site, open_page: OpenPage, picture: Path
) -> None:
    """The page counts the seconds down and then lets one try again."""
    page = open_page(locked_site.url)
    page.evaluate("key => sessionStorage.setItem('synres-api-key', key)", locked_site.keys["slow"])
    _find(page, picture, EXPRESSIONS[0])
    page.click("#find")
    page.locator("#error-code", has_text="OVERLOADED").wait_for()
    assert page.locator("#again").inner_text().startswith("Try again in")
    page.locator("#again", has_text="Try again").and_(page.locator("[aria-disabled=false]")).click()
    page.locator("#error").wait_for(state="hidden")
    page.locator("#said", has_text="Found 1 of 1.").wait_for()


def test_a_curl_command_holds_no_key(
    locked_site: Site, open_page: OpenPage, picture: Path, tmp_path: Path
) -> None:
    """It names the variable that does."""
    page = open_page(locked_site.url, accept_downloads=True)
    page.evaluate("key => sessionStorage.setItem('synres-api-key', key)", locked_site.keys["good"])
    _find(page, picture, EXPRESSIONS[0])
    script = tmp_path / "segment.sh"
    script.write_bytes(_saved(page, "#save-curl"))
    assert locked_site.keys["good"] not in script.read_text()
    environment = os.environ | {"SYNRES_API_KEY": locked_site.keys["good"]}
    again = subprocess.run(
        ["sh", script], cwd=picture.parent, env=environment, capture_output=True, check=True
    )
    assert json.loads(again.stdout)["masks"][0]["expression"] == EXPRESSIONS[0]


def test_a_server_that_goes_away_and_comes_back(site: Site, open_page: OpenPage, picture: Path) -> None:
    """The page says so, keeps picture and expressions, notices the return, and finds again."""
    page = open_page(site.url)
    _fill(page, picture, EXPRESSIONS[0])
    site.down()
    try:
        page.click("#find")
        page.locator("#error-code", has_text="GONE").wait_for()
        assert page.locator("#server").get_attribute("data-state") == "gone"
    finally:
        site.up()
    page.locator("#said", has_text="The server is back.").wait_for()
    assert not page.locator("#error").is_visible()
    assert _rows(page).first.input_value() == EXPRESSIONS[0]
    page.click("#find")
    page.locator("#outcome").wait_for()


def test_script_in_an_expression_is_text(site: Site, open_page: OpenPage, picture: Path) -> None:
    """It is shown, sent and answered as it was typed; no element is made of it and nothing runs."""
    page = open_page(site.url)
    _find(page, picture, SCRIPT, "[SEG]")
    assert _rows(page).first.input_value() == SCRIPT
    assert SCRIPT in (page.locator("#canvas").get_attribute("aria-label") or "")
    assert page.locator("script:not([src])").count() == page.locator("img").count() == 0


def test_the_policy_stops_script_that_got_in(site: Site, open_page: OpenPage) -> None:
    """Were there ever a hole, the browser would still refuse to run what came through it."""
    page = open_page(site.url)
    stopped = page.evaluate(
        """() => new Promise((done) => {
            addEventListener("securitypolicyviolation", (event) => done(event.violatedDirective));
            const script = document.createElement("script");
            script.src = "data:text/javascript,alert(1)";
            document.body.append(script);
            setTimeout(() => done("it ran"), 30000);
        })"""
    )
    assert stopped == "script-src-elem"


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"not a picture", "no picture that the browser can read"), (b"\x89PNG" + b"\0" * 9_000_000, "8.0 MiB")],
)
def test_a_file_that_cannot_be_used(
    site: Site, open_page: OpenPage, tmp_path: Path, content: bytes, told: str
) -> None:
    """Said before it is sent, with what to do."""
    file = tmp_path / "a.png"
    file.write_bytes(content)
    page = open_page(site.url)
    page.set_input_files("#file", file)
    page.locator("#error-message", has_text=told).wait_for()
    assert "Choose another picture" in page.locator("#error-mend").inner_text()
    assert page.locator("#empty").is_visible()


@pytest.mark.parametrize(
    ("expressions", "told"),
    [
        (["a dog", " "], "Expression 2 is empty"),
        (["d" * 301], "longer than 300 characters"),
        (["a\x01dog"], "U+0001"),
    ],
)
def test_expressions_that_are_wrong(
    site: Site, open_page: OpenPage, picture: Path, expressions: list[str], told: str
) -> None:
    """The page names the one at fault; what it does not know itself, the server says."""
    page = open_page(site.url)
    _fill(page, picture, *expressions)
    page.click("#find")
    page.locator("#error-message", has_text=told).wait_for()
    assert page.locator("#error-code").inner_text() == "INVALID_INPUT"


def test_the_number_of_expressions_is_bounded(site: Site, open_page: OpenPage) -> None:
    """By what the server takes."""
    page = open_page(site.url)
    for _ in range(8):
        page.click("#add")
    assert _rows(page).count() == 8
    assert "8 expressions" in page.locator("#error-message").inner_text()


def test_keys_alone_reach_everything(site: Site, open_page: OpenPage) -> None:
    """Tab and Space, each stop with a visible ring, in the order that is read."""
    page = open_page(site.url)
    stops = []
    for _ in range(9):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.id || document.activeElement.className"))
        ring = page.evaluate(
            """() => [document.activeElement, ...document.querySelectorAll("label")].some(
                (each) => getComputedStyle(each).outlineStyle === "solid")"""
        )
        assert ring, stops[-1]
    assert stops[:7] == ["skip", "file", "example", "text", "remove quiet", "add", "find"]


def test_a_telephone_needs_no_sideways_scrolling(site: Site, open_page: OpenPage, picture: Path) -> None:
    """390 pixels: empty, with an error, with masks; every control large enough for a finger."""
    page = open_page(site.url, viewport=PHONE, has_touch=True, is_mobile=True)
    for step in (lambda: None, lambda: page.click("#find"), lambda: _find(page, picture, *EXPRESSIONS)):
        step()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    sizes = page.evaluate(
        """[...document.querySelectorAll("button, .button")]
            .filter((each) => each.offsetWidth).map((each) => [each.id, each.offsetHeight])"""
    )
    assert all(height >= 32 for _, height in sizes), sizes
