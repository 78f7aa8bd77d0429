"""The audit of ITAG, on one picture whose numbers can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.audit import audit_itag
from synres.domain.itag import itag, triplets
from synres.domain.masks import encode_mask
from synres.domain.types import (
    ArtifactRef,
    GroupedImage,
    GroupParams,
    PseudoMask,
    Rle,
    SegmentedImage,
    SynthImage,
    Triplet,
)
from synres.ledger.keys import blob_key
from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore

IMAGE = ArtifactRef("0" * 64, 1, "image/png")
EXPRESSIONS = ("the ring", "the red ring", "the star")


def _columns(first: int, last: int) -> Rle:
    """A mask of 10 x 10 with these columns filled."""
    mask = np.zeros((10, 10), np.bool_)
    mask[:, first:last] = True
    return encode_mask(mask)


@pytest.fixture
def ledger() -> Ledger:
    """An empty store."""
    return Ledger(MemoryStore())


def _put(ledger: Ledger) -> tuple[str, str]:
    """Two masks of 4 and 5 columns that agree by 4/5, and one elsewhere; exactly the first 4 are right."""
    synth = SynthImage("item", "sample", EXPRESSIONS, "prompt", IMAGE, (10, 10))
    masks = (_columns(0, 4), _columns(0, 5), _columns(8, 9))
    guesses = tuple(PseudoMask(e, m, 1.0) for e, m in zip(EXPRESSIONS, masks, strict=True))
    grouped = ledger.put_rows([itag(SegmentedImage(synth, guesses), GroupParams())]).digest
    exact = (_columns(0, 4), _columns(0, 4), _columns(0, 0))
    oracle = [Triplet("item", IMAGE, m, e) for e, m in zip(EXPRESSIONS, exact, strict=True)]
    return grouped, ledger.put_rows(oracle).digest


def test_shares_and_iou_are_those_worked_out_by_hand(ledger: Ledger) -> None:
    """Two of three are kept, both true; IoU 9/10 before, 4/5 after: a pair's consensus is its union."""
    grouped, oracle = _put(ledger)
    audit = audit_itag(ledger, [grouped], [oracle], GroupParams(), [])
    assert audit is not None and audit.expressions == 3
    everything, kept = audit.rows
    assert (everything.setting, kept.setting) == ("no ITAG", "tau 0.65")
    assert everything.true_share == pytest.approx(2 / 3)
    assert everything.before == everything.after == pytest.approx((1 + 0.8 + 0) / 3)
    assert (kept.kept_share, kept.true_share) == (pytest.approx(2 / 3), 1.0)
    assert (kept.before, kept.after) == (pytest.approx(0.9), pytest.approx(0.8))
    assert kept.over_segmentation == pytest.approx(1 / 5)


def test_other_taus_are_replayed(ledger: Ledger) -> None:
    """Above 4/5 the pair falls apart and nothing is kept."""
    grouped, oracle = _put(ledger)
    audit = audit_itag(ledger, [grouped], [oracle], GroupParams(), [0.9])
    assert audit is not None
    assert [row.setting for row in audit.rows] == ["no ITAG", "tau 0.65", "tau 0.9"]
    assert (audit.rows[-1].kept_share, audit.rows[-1].after) == (0.0, None)


def test_a_deleted_oracle_ends_the_audit_and_changes_no_triplet(ledger: Ledger) -> None:
    """What training reads does not rest on it."""
    grouped, oracle = _put(ledger)
    ledger.store.delete(blob_key(oracle))
    assert audit_itag(ledger, [grouped], [oracle], GroupParams(), []) is None
    (row,) = ledger.get_rows(grouped, GroupedImage)
    assert [triplet.expression for triplet in triplets(row)] == ["the ring", "the red ring"]


def test_without_an_oracle_there_is_nothing_to_audit(ledger: Ledger) -> None:
    """A learned generator knows no exact mask."""
    grouped, _ = _put(ledger)
    assert audit_itag(ledger, [grouped], [], GroupParams(), []) is None
