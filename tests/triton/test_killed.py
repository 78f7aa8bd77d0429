"""Triton killed in mid-run: a retry, and nothing else."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from services.coordinator.events import Event, TaskFailed
from services.coordinator.run import run_spec
from services.generator.backends.triton import TritonGenerator
from services.generator.painter_options import TritonOptions
from synres.ledger.file_store import FileStore
from synres.ports import GeneratedImage
from tests.runs import SPEC, instant_executor, spec_with
from tests.triton_server import TritonServer

pytestmark = pytest.mark.triton
SLOW = TritonOptions(steps=60, complex_human_instruction=False, max_sequence_length=64)
# one picture at a time: in a batch of its own it is the same byte for byte
RUN = spec_with(
    (SPEC[SPEC.index("  arms:") : SPEC.index("execution:")], ""),
    ("samples: 12", "samples: 6"),
    ("shard_size: 4", "shard_size: 2"),
    ("images_per_prompt: 2", "images_per_prompt: 1"),
    ("workers: 2", "workers: 1"),
)


class Mortal(TritonGenerator):
    """Triton is killed under its third picture, and started again."""

    def __init__(self, server: TritonServer) -> None:
        super().__init__("sana", SLOW, server.settings)
        self._server, self._drawn = server, 0

    def _picture(self, prompt: str, seed: int) -> GeneratedImage:
        self._drawn += 1
        if self._drawn == 3:
            threading.Thread(target=self._die).start()
        return super()._picture(prompt, seed)

    def _die(self) -> None:
        time.sleep(0.1)
        self._server.kill()
        self._server.start(wait=False)


def _root(folder: Path, generator: TritonGenerator) -> tuple[str, list[TaskFailed]]:
    failures: list[TaskFailed] = []

    def note(event: Event) -> None:
        if isinstance(event, TaskFailed):
            failures.append(event)

    store = FileStore(folder)
    executor = instant_executor(store, generator=lambda **_: generator)
    commit = run_spec(RUN, store, executor, note)
    assert commit.quarantined == ()
    return commit.merkle_root, failures


def test_triton_killed_in_mid_run_costs_one_retry(triton: TritonServer, tmp_path: Path) -> None:
    """Same rows, same pictures, same root as undisturbed; nothing is quarantined."""
    undisturbed, none = _root(tmp_path / "calm", TritonGenerator("sana", SLOW, triton.settings))
    root, failures = _root(tmp_path / "killed", Mortal(triton))
    assert none == []
    assert [(failed.stage, failed.code, failed.attempt) for failed in failures] == [
        ("generate", "SERVICE_UNAVAILABLE", 1)
    ]
    assert root == undisturbed
