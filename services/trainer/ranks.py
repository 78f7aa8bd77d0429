"""The processes of one training: who they are, what they agree on, and what it means to lose one.

A process alone is the first of one, and agrees with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from synres.errors import RankLost


@dataclass(frozen=True, slots=True)
class Ranks:
    """`rank` counts from 0; the first one alone writes and speaks."""

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def agreed(self, number: int) -> int:
        """What the first process says."""
        if self.world == 1:
            return number
        said = torch.tensor(number, dtype=torch.int64)
        dist.broadcast(said, 0)
        return int(said)

    def totals(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes, in float64."""
        if self.world == 1:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(summed)
        return summed.tolist()

    def share(self, slices: int) -> range:
        """Which of a step's slices are this process's; all have as many."""
        count = slices // self.world
        return range(self.rank * count, (self.rank + 1) * count)

    def joined(self, network: nn.Module) -> nn.Module:
        """The same network; its gradients become the mean over all processes."""
        if self.world == 1:
            return network
        # a batch without masks leaves parts unused; and without this option the first step would sum in
        # another order than the others, so that a resumed training differs in its last bits
        return DistributedDataParallel(network, find_unused_parameters=True)


def unshared(network: nn.Module) -> AbstractContextManager[None]:
    """Within, gradients of a joined network add up in each process by itself."""
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()


@contextmanager
def meeting() -> Iterator[Ranks]:
    """All processes that torchrun started, or this one alone. Raises RankLost when one of them is gone."""
    if not dist.is_torchelastic_launched():
        yield Ranks()
        return
    try:
        yield _met()
    except RuntimeError as error:
        if not _tells_of_a_lost_rank(error):
            raise
        raise RankLost(
            f"a process of this training is lost ({str(error).splitlines()[0][:200]}); it goes on from its"
            " last checkpoint"
        ) from error
    dist.destroy_process_group()


def _met() -> Ranks:
    if torch.cuda.is_available():
        torch.cuda.set_device(dist.get_node_local_rank())
    # numbers that processes agree on lie in the host's memory
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size())


def _tells_of_a_lost_rank(error: RuntimeError) -> bool:
    # gloo's errors have no class of their own, but name their file
    return isinstance(error, dist.DistError) or "gloo/" in str(error)
