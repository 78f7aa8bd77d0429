"""Trainings of several processes: forked from one that has torch, so that each costs next to nothing."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from torch.distributed import TCPStore

from services.trainer import job
from services.trainer.manifest import encode_request
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest

_PATIENCE_S = 120.0


def nursery() -> ForkServerContext:
    """Where processes are forked; it loads torch and the trainer once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.rank_processes", "services.trainer.work", "tests.fakes"])
    return context


class Processes:
    """All that share one training; `speech` is the file that all of them say their words into."""

    def __init__(self, processes: list[BaseProcess], speech: Path) -> None:
        self._processes = processes
        self._speech = speech

    def words(self) -> bytes:
        """All that was said so far."""
        return self._speech.read_bytes() if self._speech.exists() else b""

    def kill(self, rank: int) -> None:
        """SIGKILL."""
        self._processes[rank].kill()

    def exit_codes(self) -> list[int | None]:
        """Of all processes, when they have ended."""
        for process in self._processes:
            process.join(_PATIENCE_S)
        return [process.exitcode for process in self._processes]

    def await_words(self, is_enough: Callable[[bytes], bool]) -> None:
        """Until enough was said; fails when all have ended before."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while not is_enough(self.words()):
            assert time.monotonic() < deadline_s, self.words()
            assert any(process.is_alive() for process in self._processes), self.words()
            time.sleep(0.01)


@contextmanager
def training(ledger: Ledger, request: ShardRequest, folder: Path, world: int = 2) -> Iterator[Processes]:
    """Starts `world` processes over the ledger's folder; whatever is alive at the end is killed."""
    digest = ledger.put_blob(encode_request(request), "application/json").digest
    folder.mkdir(exist_ok=True)
    speech = folder / f"{len(list(folder.iterdir()))}.jsonl"
    meeting_place = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    processes = [
        nursery().Process(
            target=_run, args=(rank, world, meeting_place.port, ledger.store.url, digest, speech)
        )
        for rank in range(world)
    ]
    for process in processes:
        process.start()
    try:
        yield Processes(processes, speech)
    finally:
        for process in processes:
            process.kill()
            process.join()


def _run(rank: int, world: int, port: int, store_url: str, digest: str, speech: Path) -> None:
    """As torchrun starts a job."""
    said = os.open(speech, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(said, 1)
    sys.stdout = os.fdopen(said, "w")
    os.environ |= {
        "RANK": str(rank),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": str(rank),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }
    # without the interpreter's end, which would wait for threads of a dead process group
    os._exit(job.main([store_url, digest]))
