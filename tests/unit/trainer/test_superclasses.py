"""The tables of broader nouns."""

from __future__ import annotations

import pytest

from services.trainer.superclasses import noun_pattern, noun_spans, superclass_table
from synres.errors import InvalidInput


def test_plurals_become_plurals() -> None:
    """Crosses are symbols, a cross is a symbol; buses are vehicles."""
    micro, coco = superclass_table("microworld"), superclass_table("coco")
    assert (micro["cross"], micro["crosses"]) == ("symbol", "symbols")
    assert (coco["bus"], coco["buses"]) == ("vehicle", "vehicles")


def test_nouns_are_found_as_whole_words_longest_first() -> None:
    """A hot dog is no dog, a carpet no car."""
    pattern = noun_pattern(superclass_table("coco"))
    text = "the Hot Dog on the carpet beside two cars"
    assert [text[start:end] for start, end in noun_spans(text, pattern)] == ["Hot Dog", "cars"]


def test_an_unknown_table_is_named() -> None:
    """With those that there are."""
    with pytest.raises(InvalidInput, match="microworld"):
        superclass_table("wordnet")
