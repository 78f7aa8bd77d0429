"""`python -m services.tied COMMAND ARGUMENT...`: a command that ends when its standard input closes.

For programs that do not watch their input as our services do. Whoever holds its other end may be killed
without a word; the kernel then closes it, on every system and whichever thread had started us.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

PATIENCE_S = 10.0


def run_tied(command: Sequence[str]) -> int:
    """Runs the command without input; its exit code. SIGTERM and the end of our input end it.

    It is asked by SIGTERM first, and killed after `PATIENCE_S`.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    threading.Thread(target=_end_with_input, args=(child,), daemon=True).start()
    return child.wait()


def _end_with_input(child: subprocess.Popen[bytes]) -> None:
    # not sys.stdin: its lock, held by a waiting thread, breaks the end of the interpreter
    while os.read(0, 1024):
        pass
    child.terminate()
    try:
        child.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    sys.exit(run_tied(sys.argv[1:]))
