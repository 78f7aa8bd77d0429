"""The tables of broader nouns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.trainer import superclasses
from services.trainer.superclasses import head_span, noun_pattern, noun_spans, superclass_table
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
        superclass_table("thesaurus")


@pytest.mark.parametrize(
    ("noun", "broader"),
    [
        ("sedan", "vehicle"),
        ("pigeon", "bird"),
        ("jackets", "garments"),
        ("sofa", "furniture"),
        ("cup", "tableware"),
    ],
)
def test_nouns_of_photographs_have_wordnets_broader_noun(noun: str, broader: str) -> None:
    """Or COCO's, where it has one."""
    assert superclass_table("wordnet")[noun] == broader


def test_the_table_of_wordnet_is_vetted_and_licensed() -> None:
    """No noun leads to two broader ones or to itself; what means several things is left out."""
    content = json.loads((Path(superclasses.__file__).with_suffix(".json")).read_text())
    nouns = [noun for found in content["superclasses"].values() for noun in found]
    assert len(nouns) == len(set(nouns)) > 1000
    assert not {"crane", "bat", "pitcher"} & set(nouns)
    assert "Princeton University" in content["licence"]
    assert all(noun != broader for noun, broader in superclass_table("wordnet").items())


@pytest.mark.parametrize(
    ("expression", "category", "head"),
    [
        ("the orange car behind the dog", "", "car"),
        ("dog on the couch", "", "dog"),
        ("man in a red jacket", "person", "man"),
        ("the small dog sofa", "dog", "dog"),
        ("a blue hat worn by the man holding a guitar", "", "hat"),
        ("the left one", "", ""),
    ],
)
def test_the_head_says_what_is_meant(expression: str, category: str, head: str) -> None:
    """The dataset's own category before all, else the last noun before what describes it."""
    spans = head_span(expression, category, noun_pattern(superclass_table("wordnet")))
    assert [expression[start:end] for start, end in spans] == ([head] if head else [])
