"""Drivers to be killed: a process that forks one for each line "FOLDER LAST" it reads, and tells its end.

Forking from a process that has imported everything, and runs no thread, makes a driver in milliseconds.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from services.coordinator.run import run_spec
from synres.ledger.file_store import FileStore
from tests.fakes import Wrapped
from tests.runs import instant_executor, spec_with


class DeadlyStore(Wrapped):
    """SIGKILLs its own process before call number `last`; never if that is 0."""

    def __init__(self, folder: str, last: int) -> None:
        super().__init__(FileStore(folder))
        self._lock, self._left = threading.Lock(), last

    def before(self, method: str, size: int = 0) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class MortalDrivers:
    """The forking process, as a context manager."""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.pipeline.mortal_driver"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, folder: str, last: int, kill_after_s: float | None) -> int:
        """Exit code of a driver that dies at store call `last`, or by the clock; negative is a signal."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{folder} {last}\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        clock = threading.Timer(kill_after_s or 0, _kill, (pid,))
        if kill_after_s is not None:
            clock.start()
        code = int(self._process.stdout.readline())
        clock.cancel()
        return code


def _kill(pid: int) -> None:
    # it may have ended just before its time
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def serve() -> None:
    for line in sys.stdin:
        folder, last = line.split()
        pid = os.fork()
        if pid == 0:
            store = DeadlyStore(folder, int(last))
            run_spec(spec_with(), store, instant_executor(store))
            os._exit(0)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
