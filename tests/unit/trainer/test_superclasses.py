"""The tables of broader nouns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.trainer import superclasses
from services.trainer.superclasses import (
    BROADER_STILL,
    COCO_NOUNS,
    COCO_OTHERWISE,
    COCO_REFUSED,
    coco_supercategories,
    superclass_table,
)
from synres.errors import InvalidInput


def test_plurals_become_plurals() -> None:
    """Crosses are symbols, a cross is a symbol; buses are vehicles, men are persons, puppies animals."""
    micro, coco, wordnet = map(superclass_table, ("microworld", "coco", "wordnet"))
    assert (micro["cross"], micro["crosses"]) == ("symbol", "symbols")
    assert (coco["bus"], coco["buses"], coco["men"]) == ("vehicle", "vehicles", "persons")
    assert (wordnet["puppies"], wordnet["knives"], wordnet["sheep"]) == ("animals", "tableware", "animal")


def test_an_unknown_table_is_named() -> None:
    """With those that there are."""
    with pytest.raises(InvalidInput, match="microworld"):
        superclass_table("thesaurus")


def test_cocos_categories_are_all_there() -> None:
    """80 things in twelve supercategories and 91 kinds of stuff in fifteen."""
    content = json.loads((Path(superclasses.__file__).parent / "coco_categories.json").read_text())
    assert [len(content[kind]) for kind in ("things", "stuff")] == [12, 15]
    assert [sum(map(len, content[kind].values())) for kind in ("things", "stuff")] == [80, 91]
    assert len(coco_supercategories()) == 171
    assert "Creative Commons" in content["licence"]


@pytest.mark.parametrize("table", ["coco", "wordnet"])
def test_cocos_things_have_the_noun_of_their_supercategory(table: str) -> None:
    """All but the person, who is one already, and those of whom nobody says it."""
    found = superclass_table(table)
    groups = coco_supercategories()
    things = [name for name, group in groups.items() if group in COCO_NOUNS and "-" not in name]
    expected = {name: COCO_OTHERWISE.get(name, COCO_NOUNS[groups[name]]) for name in things}
    named = {name: noun for name, noun in expected.items() if name not in COCO_REFUSED and name != noun}
    assert {name: found.get(name) for name in named} == named
    assert len(named) > 79 and found["man"] == "person"


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


@pytest.mark.parametrize(
    ("noun", "broader"),
    [("purse", "accessory"), ("earring", "ornament"), ("grizzly bear", "animal"), ("polo shirt", "garment")],
)
def test_lvis_says_which_sense_is_meant(noun: str, broader: str) -> None:
    """Nouns that texts use in other senses are in the table by the sense of LVIS's category."""
    assert superclass_table("wordnet")[noun] == broader


def test_the_table_of_wordnet_is_vetted_and_licensed() -> None:
    """No noun leads to two broader ones or to itself; what means several things is left out."""
    content = json.loads((Path(superclasses.__file__).with_suffix(".json")).read_text())
    nouns = [noun for found in content["superclasses"].values() for noun in found]
    assert len(nouns) == len(set(nouns)) > 2500
    assert not {"crane", "bat", "pitcher"} & set(nouns)
    assert "Princeton University" in content["licence"] and "LVIS" in content["lvis_licence"]
    same = {noun for noun, broader in superclass_table("wordnet").items() if noun == broader}
    assert same == set()


def test_broader_nouns_have_no_circle() -> None:
    """What a broader noun itself leads to leads nowhere."""
    table = superclass_table("wordnet")
    for broader in set(table.values()) & table.keys():
        assert table[broader] not in table, broader
    assert BROADER_STILL.keys() <= table.keys()
