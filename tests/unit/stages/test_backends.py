"""Backends are loaded once, on first use, and trained weights are kept for a while."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from synres.errors import ArtifactMissing, NotFound
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.stages.backends import Backends, SegmenterBackends
from tests.instant import InstantSegmenter


def test_a_backend_is_loaded_once_however_many_ask() -> None:
    """Two threads must not both load gigabytes."""
    loads: list[str] = []

    def load(name: str) -> str:
        time.sleep(0.05)
        loads.append(name)
        return name.upper()

    backends = Backends(load)
    assert loads == []
    threads = [threading.Thread(target=backends.get, args=("micro",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["micro"]
    assert backends.get("micro") == "MICRO"


def test_a_failed_load_is_tried_again() -> None:
    """A backend whose weights arrive later needs no restart."""
    answers = iter([NotFound("not yet"), "here"])

    def load(name: str) -> str:
        answer = next(answers)
        if isinstance(answer, NotFound):
            raise answer
        return answer

    backends = Backends(load)
    with pytest.raises(NotFound):
        backends.get("late")
    assert backends.get("late") == "here"


def test_trained_segmenters_are_kept_by_digest_and_the_oldest_goes(tmp_path: Path) -> None:
    """Four sets of weights stay; a fifth takes the place of the one longest unused."""
    ledger = Ledger(open_store(str(tmp_path)))
    loads: list[bytes | None] = []

    def load(name: str, weights: bytes | None = None) -> InstantSegmenter:
        loads.append(weights)
        return InstantSegmenter(weights)

    backends = SegmenterBackends(ledger, load)
    digests = [ledger.put_blob(bytes([n]), "application/octet-stream").digest for n in range(5)]
    for digest in [*digests[:4], digests[0], digests[4], digests[0], digests[1]]:
        backends.get_trained("instant", digest)
    assert loads == [b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x01"]
    assert backends.get_trained("instant", "") is backends.get("instant")


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    """The driver then computes them anew."""
    backends = SegmenterBackends(
        Ledger(open_store(str(tmp_path))), lambda name, weights=None: InstantSegmenter()
    )
    with pytest.raises(ArtifactMissing):
        backends.get_trained("instant", "0" * 64)
