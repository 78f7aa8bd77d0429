"""The training stream: which example comes at which step, as a function of the step alone.

Every cycle of sum(ratios) draws holds each part exactly as often as its ratio says, in an order of its own;
a part's examples come in a fresh permutation each epoch. Nothing is remembered between draws, so a run
resumes at any step, and the number of loader workers plays no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from synres.domain.seeds import rng
from synres.errors import InvalidInput, MixturePartEmpty


class Mixture:
    """`ratios`: part -> whole number, 0 leaves the part out; `sizes`: part -> number of examples.

    Ratios are never rescaled: a part with a ratio and no data raises MixturePartEmpty, data without a
    ratio raises InvalidInput.
    """

    def __init__(self, seed: int, ratios: Mapping[str, int], sizes: Mapping[str, int]) -> None:
        _check(ratios, sizes)
        self._seed = seed
        self._sizes = dict(sizes)
        self._parts = sorted(part for part, ratio in ratios.items() if ratio)
        self._ratios = dict(ratios)
        self._slots = np.repeat(np.arange(len(self._parts)), [ratios[part] for part in self._parts])

    def draw(self, step_index: int) -> tuple[str, int]:
        """(part, index within the part) at `step_index`: 0, 1, ... in examples, not in batches."""
        cycle, place = divmod(step_index, len(self._slots))
        slots = self._slots[_permutation(len(self._slots), self._seed, "cycle", cycle)]
        part = self._parts[slots[place]]
        served = cycle * self._ratios[part] + int(np.count_nonzero(slots[:place] == slots[place]))
        epoch, index = divmod(served, self._sizes[part])
        return part, int(_permutation(self._sizes[part], self._seed, "epoch", part, epoch)[index])


class IndependentDraws(Mixture):
    """As the originals draw: a part by chance, then one of its examples by chance, whatever came before.

    Still a function of the step alone; ratios are met in the mean.
    """

    def draw(self, step_index: int) -> tuple[str, int]:
        """As `Mixture.draw`."""
        generator = rng(self._seed, "mixture", "draw", step_index)
        part = self._parts[self._slots[int(generator.integers(len(self._slots)))]]
        return part, int(generator.integers(self._sizes[part]))


@lru_cache(maxsize=16)
def _permutation(size: int, seed: int, *names: str | int) -> NDArray[np.int64]:
    return rng(seed, "mixture", *names).permutation(size)


def _check(ratios: Mapping[str, int], sizes: Mapping[str, int]) -> None:
    if not any(ratios.values()) or min(ratios.values()) < 0:
        raise InvalidInput(f"mixture ratios {dict(ratios)} need one above 0 and none below")
    for part in sizes:
        if part not in ratios:
            raise InvalidInput(f"mixture part {part!r} has data but no ratio; give it one (0 leaves it out)")
    for part, ratio in ratios.items():
        if ratio and not sizes.get(part):
            raise MixturePartEmpty(
                f"mixture part {part!r} has ratio {ratio} and no data; add data or set it to 0"
            )
