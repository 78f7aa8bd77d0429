"""axe-core finds nothing serious, in either scheme and in every state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.pictures import EXPRESSIONS
from tests.playground.conftest import AXE, PHONE, OpenPage, Site

if TYPE_CHECKING:
    from playwright.sync_api import Page


def _serious(page: Page) -> list[tuple[str, list[str]]]:
    """What axe calls serious or critical: the rule, and where it is broken."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        (each["id"], [node["html"] for node in each["nodes"]])
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]


def _empty(page: Page, picture: Path) -> None:
    page.locator("#empty").wait_for()


def _answered(page: Page, picture: Path) -> None:
    page.set_input_files("#file", picture)
    page.locator("#expressions .text").fill(EXPRESSIONS[0])
    page.click("#add")
    page.locator("#expressions .text").last.fill("the purple ring")
    page.click("#find")
    page.locator("#outcome").wait_for()


def _refused(page: Page, picture: Path) -> None:
    page.click("#find")
    page.locator("#error").wait_for()


STATES = (_empty, _answered, _refused)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("reach", STATES)
def test_nothing_serious(
    site: Site, open_page: OpenPage, picture: Path, reach: Callable[[Page, Path], None], scheme: str
) -> None:
    """Contrast, names, roles, focus: empty, answered, refused."""
    page = open_page(site.url, color_scheme=scheme)
    reach(page, picture)
    assert _serious(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_where_a_key_is_wanted(
    locked_site: Site, open_page: OpenPage, picture: Path, scheme: str
) -> None:
    """The open field of the key, on a telephone."""
    page = open_page(locked_site.url, color_scheme=scheme, viewport=PHONE)
    page.set_input_files("#file", picture)
    page.locator("#expressions .text").fill(EXPRESSIONS[0])
    page.click("#find")
    page.locator("#key").wait_for()
    assert _serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_less_motion_for_who_asks_for_it(site: Site, open_page: OpenPage) -> None:
    """Nothing moves but a slow sign of waiting."""
    page = open_page(site.url, reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('#find')).transitionDuration").startswith(
        "0s"
    )
