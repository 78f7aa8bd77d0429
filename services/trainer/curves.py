"""Loss curves for TensorBoard: what a training reports, as event files in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from synres.errors import BackendUnavailable

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

Report: TypeAlias = Callable[..., None]
"""Called by name with `done` of `whole` steps, numbers, and a `message` for people."""
_CURVES = ("loss", "learning_rate", "gradient_norm", "refusals")


@contextmanager
def with_curves(report: Report, folder: Path | None, action: str) -> Iterator[Report]:
    """`report`, which also draws into a folder of the action's below `folder`; None: as it is.

    Steps that an earlier life drew behind its last checkpoint are drawn anew. Raises BackendUnavailable where
    TensorBoard is not installed.
    """
    if folder is None:
        yield report
        return
    opened = _writer_type()
    writer: SummaryWriter | None = None

    def draw(done: int, **facts: float | str) -> None:
        nonlocal writer
        # with the first step, since only then it is known where the training goes on
        writer = writer or opened(folder / action[:16], purge_step=done - 1)
        for name in _CURVES:
            writer.add_scalar(name, float(facts[name]), done - 1)
        report(done=done, **facts)

    try:
        yield draw
    finally:
        if writer is not None:
            writer.close()


def _writer_type() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise BackendUnavailable(
            "SYNRES_TENSORBOARD_DIR is set, and TensorBoard is not installed: pip install 'synres[trainer]'"
        ) from error
    return SummaryWriter
