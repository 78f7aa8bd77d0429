"""torchrun, but with the exit code of the process that failed: `python -m services.trainer.torchrun ...`.

torchrun's own is 1 whatever happened, and a Job could not tell a bad spec from a crash. A process that was
killed says nothing, so it is told here, in the words of a job.
"""

from __future__ import annotations

import sys

from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.run import main as torchrun

from services.trainer.speech import say
from synres.errors import RankLost

_SIGNALLED = 128


def main(arguments: list[str]) -> int:
    """Takes torchrun's arguments; the first failure's exit code, as a shell has it for signals, or 0."""
    try:
        torchrun(arguments)
    except ChildFailedError as error:
        rank, first = error.get_first_failure()
        if first.exitcode >= 0:
            return first.exitcode
        say(
            code=RankLost.code,
            message=f"process {rank} of this training died (signal {-first.exitcode}); it goes on from its"
            " last checkpoint",
        )
        return _SIGNALLED - first.exitcode
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
