"""The Merkle root depends on what was made and what was rejected, and on nothing else."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from synres.domain.types import Rejection
from synres.ledger.merkle import merkle_root

digests = st.text("0123456789abcdef", min_size=1, max_size=3)
actions = st.dictionaries(digests, st.dictionaries(st.sampled_from(["rows", "oracle"]), digests), max_size=12)
rejections = st.sets(
    st.builds(Rejection, digests, st.sampled_from(["empty_mask", "image_truncated"])), max_size=6
)


def test_known_roots() -> None:
    """The tree is that of RFC 6962, so two leaves can be hashed by hand."""
    done = hashlib.sha256(b'\x00["action","aa",[["rows","bb"]]]').digest()
    turned_away = hashlib.sha256(b'\x00["rejection","cc","empty_mask"]').digest()
    both = hashlib.sha256(b"\x01" + done + turned_away).hexdigest()
    assert merkle_root([("aa", {"rows": "bb"})], []) == done.hex()
    assert merkle_root([("aa", {"rows": "bb"})], [Rejection("cc", "empty_mask")]) == both


def test_three_leaves_split_at_the_power_of_two() -> None:
    """Of three leaves the first two make a node."""
    leaf = [hashlib.sha256(b'\x00["action","%d",[]]' % n).digest() for n in range(3)]
    left = hashlib.sha256(b"\x01" + leaf[0] + leaf[1]).digest()
    root = hashlib.sha256(b"\x01" + left + leaf[2]).hexdigest()
    assert merkle_root([(str(n), {}) for n in (2, 0, 1)], []) == root


@given(actions, rejections, st.randoms())
def test_order_and_repetition_do_not_matter(done: dict, rejected: set[Rejection], random: object) -> None:  # type: ignore[type-arg]
    """L3: any order, and an action that two chains share, give the same root."""
    root = merkle_root(done.items(), rejected)
    pairs, turned_away = [*done.items(), *done.items()], [*rejected, *rejected]
    random.shuffle(pairs)  # type: ignore[attr-defined]
    random.shuffle(turned_away)  # type: ignore[attr-defined]
    assert merkle_root(pairs, turned_away) == root


@given(actions, rejections, actions, rejections)
def test_different_results_have_different_roots(
    done: dict, rejected: set[Rejection], other: dict, others: set[Rejection]  # type: ignore[type-arg]
) -> None:  # fmt: skip
    """Roots are equal only if actions, outputs and rejections are."""
    same = (done, rejected) == (other, others)
    assert (merkle_root(done.items(), rejected) == merkle_root(other.items(), others)) is same
