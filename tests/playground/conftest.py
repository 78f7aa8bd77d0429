"""A headless Chromium, and the playground in front of a server that can be taken away."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.allinone import free_ports
from services.segmenter.app import build_online
from services.segmenter.keys import new_key
from services.segmenter.settings import SegmenterSettings
from services.segmenter.web.face import HttpFace
from services.segmenter.web.routes import build_app
from tests.conftest import HeavyTool
from tests.pictures import Scene, scene

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TOOLS = Path(__file__).parents[2] / os.environ.get("PLAYGROUND_TOOLS", ".playground")
AXE = TOOLS / "package" / "axe.min.js"
CHROMIUM = shutil.which("chromium")
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}


class Site:
    """The endpoint at one address, whether it is up or not. `keys`: of three kinds, "" without any."""

    def __init__(self, folder: Path, *, has_keys: bool = False) -> None:
        made = {name: new_key(name) for name in ("good", "expired", "slow")}
        ends = {"expired": " until=2020-01-31", "slow": " rate=0.2"}
        file = folder / "keys"
        file.write_text("".join(f"{line}{ends.get(name, '')}\n" for name, (_, line) in made.items()))
        self.keys = {name: key for name, (key, _) in made.items()}
        settings = SegmenterSettings(
            store_url=str(folder / "store"),
            segmenter_keys=file if has_keys else None,
            segmenter_max_expressions=8,
        )
        self._online = build_online(settings)[0]
        self._online.warm_up()
        self._listen = f"127.0.0.1:{free_ports(1)[0]}"
        self.url = f"http://{self._listen}/"
        self._face: HttpFace | None = None

    def up(self) -> None:
        """At the same address as before."""
        self._face = HttpFace(build_app(self._online, self._online.is_ready), self._listen)
        self._face.start()

    def down(self) -> None:
        """Nobody listens any more."""
        if self._face is not None:
            self._face.stop(grace_s=5)
        self._face = None


@pytest.fixture(scope="session")
def browser(heavy_tool: HeavyTool) -> Iterator[Browser]:
    """Debian's Chromium; everything that a page needs comes from the site."""
    heavy_tool(CHROMIUM is not None and AXE.exists(), "playground")
    sys.path.append(str(TOOLS / "python"))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # a container is a sandbox of its own, and lets its root have no other
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def _running(folder: Path, *, has_keys: bool) -> Iterator[Site]:
    site = Site(folder, has_keys=has_keys)
    site.up()
    yield site
    site.down()


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Open to everybody."""
    with _running(tmp_path_factory.mktemp("site"), has_keys=False) as running:
        yield running


@pytest.fixture(scope="session")
def locked_site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """For who has a key."""
    with _running(tmp_path_factory.mktemp("locked"), has_keys=True) as running:
        yield running


_WANTED = ("Failed to load resource", "data:text/javascript,alert(1)")
"""A server that is away, and a script that a test puts in to see it stopped."""
OpenPage = Callable[..., "Page"]
"""(url, **options of a browser context) -> the page, which knows the server by now."""


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Pages of browsers without a past; a word on their consoles fails the test."""
    contexts, said = [], []

    def start(url: str, **options: object) -> Page:
        context = browser.new_context(**({"viewport": DESK} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog {dialog.message}"))
        page.goto(url)
        page.wait_for_selector("#server[data-state=ready]")
        return page

    yield start
    for context in contexts:
        context.close()
    assert [text for text in said if not any(part in text for part in _WANTED)] == []


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with EXPRESSIONS in it, under a name that shells and forms must quote."""
    file = tmp_path_factory.mktemp("pictures") / 'it\'s a "scene".png'
    file.write_bytes(a_scene().png)
    return file


def a_scene() -> Scene:
    """What is in `picture`."""
    return scene()
