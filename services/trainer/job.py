"""One training or evaluation in a process of its own:
`python -m services.trainer.job [--tied] STORE REQUEST_DIGEST`.

It speaks on standard output, one JSON object a line: progress while it runs; `code` and `message` when it
fails. With --tied, standard input is its tie to life: when that closes, whoever started the job is gone, and
the job ends at once. (PR_SET_PDEATHSIG would follow the thread that started it, and threads of a pool come
and go.) A pod has no such input, and a Job of its own to end it.
"""

from __future__ import annotations

import os
import sys
import threading

from services.trainer.manifest import decode_request
from services.trainer.speech import say
from synres.errors import SynresError
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store

_ORPHANED = 70
_LONGEST_MESSAGE = 500  # characters: the runner reads the last 4 KiB, and JSON spells some with six bytes


def main(arguments: list[str]) -> int:
    """Returns the exit code: 0, or the `exit_code` of the error that it said."""
    *tied, store_url, request_digest = arguments
    if tied == ["--tied"]:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _run(store_url, request_digest)
    except SynresError as error:
        say(code=error.code, message=error.message[:_LONGEST_MESSAGE])
        return error.exit_code
    return 0


def _run(store_url: str, request_digest: str) -> None:
    # torch comes after the tie to life: loading it takes seconds
    from services.trainer.work import run_request

    ledger = Ledger(open_store(store_url))
    run_request(ledger, decode_request(ledger.get_blob(request_digest)), say)


def _end_with_parent() -> None:
    # not sys.stdin: its lock, held by a waiting thread, breaks the end of the interpreter
    os.read(0, 1)
    os._exit(_ORPHANED)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
