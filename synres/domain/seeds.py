"""Seeds by name: the same item gets the same numbers on any worker, in any order."""

from __future__ import annotations

import numpy as np

from synres.domain.digests import canonical_json, digest_bytes


def derive_seed(root: int, *names: str | int) -> int:
    """63 bits of sha256 over the root and the names; `1` and `"1"` are different names.

    >>> derive_seed(7, "caption", "ab12", 0) == derive_seed(7, "caption", "ab12", 0)
    True
    """
    return int(digest_bytes(canonical_json([root, *names]))[:16], 16) >> 1


def rng(root: int, *names: str | int) -> np.random.Generator:
    """A generator of its own for each name: drawing more from one never moves another."""
    return np.random.Generator(np.random.PCG64(derive_seed(root, *names)))
