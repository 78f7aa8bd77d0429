"""The HTTP face over the shipped micro model, on a free port of loopback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2
import pytest

from services.segmenter.app import build_online
from services.segmenter.keys import new_key
from services.segmenter.online import Online
from services.segmenter.settings import SegmenterSettings
from services.segmenter.web.face import HttpFace
from services.segmenter.web.routes import build_app
from tests.pictures import Scene, scene

Reach = Callable[..., AbstractContextManager[httpx2.Client]]
"""(is_ready=..., **settings) -> a client of a server with these settings."""


@pytest.fixture(scope="session")
def a_scene() -> Scene:
    """A picture that the micro model understands, and what is in it."""
    return scene()


@contextmanager
def served(online: Online, is_ready: Callable[[], bool]) -> Iterator[httpx2.Client]:
    """The face of `online` while the context lasts."""
    face = HttpFace(build_app(online, is_ready), "127.0.0.1:0")
    face.start()
    try:
        with httpx2.Client(base_url=f"http://{face.address}", timeout=60) as client:
            yield client
    finally:
        face.stop(grace_s=5)


@pytest.fixture(scope="session")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Reach:
    """Makes servers with settings of their own."""

    @contextmanager
    def start(is_ready: Callable[[], bool] | None = None, **settings: object) -> Iterator[httpx2.Client]:
        store = str(tmp_path_factory.mktemp("store"))
        online = build_online(SegmenterSettings(store_url=store, **settings))[0]
        online.warm_up()
        with served(online, is_ready or online.is_ready) as client:
            yield client

    return start


@pytest.fixture(scope="session")
def client(reach: Reach) -> Iterator[httpx2.Client]:
    """Of a server that lets everybody in."""
    with reach() as found:
        yield found


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """`file`: with three hashed keys; `good`, `expired`, and `slow`, which may call once in 10 s."""
    made = {name: new_key(name) for name in ("good", "expired", "slow")}
    file: Path = tmp_path_factory.mktemp("keys") / "keys"
    ends = {"expired": " until=2020-01-31", "slow": " rate=0.1"}
    file.write_text("".join(f"{line}{ends.get(name, '')}\n" for name, (_, line) in made.items()))
    return {"file": str(file), **{name: key for name, (key, _) in made.items()}}
