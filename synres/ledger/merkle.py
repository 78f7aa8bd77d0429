"""The Merkle root of a run: equal roots mean equal results, whoever computed them and in what order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from synres.domain.digests import canonical_json
from synres.domain.types import Rejection


def merkle_root(actions: Iterable[tuple[str, Mapping[str, str]]], rejections: Iterable[Rejection]) -> str:
    """Hex sha256 over the sorted (action, output digests by name), then the sorted (item digest, reason).

    Both are sets: an action that two chains share counts once. The tree, with its prefixes for leaf and node,
    is that of RFC 6962; the root of nothing is the sha256 of no bytes.

    >>> merkle_root([], [])[:8]
    'e3b0c442'
    """
    done = {canonical_json(["action", action, sorted(outputs.items())]) for action, outputs in actions}
    rejected = {canonical_json(["rejection", r.item, r.reason]) for r in rejections}
    return _tree([*sorted(done), *sorted(rejected)]).hex()


def _tree(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _tree(leaves[:split]) + _tree(leaves[split:])).digest()
