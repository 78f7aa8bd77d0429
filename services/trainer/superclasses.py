"""The tables of broader nouns that a spec can name.

`coco`: the dataset's own supercategories, said as nouns. `wordnet`: those, and what WordNet's hypernyms say
of LVIS's categories and of other nouns (tools/superclass_table.py; the licences are in the files).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synres.errors import InvalidInput
from synres.microworld.vocabulary import SUPERCLASSES

MICROWORLD, COCO, WORDNET = "microworld", "coco", "wordnet"
_FOLDER = Path(__file__).parent

PEOPLE = ("man", "woman", "boy", "girl")
"""COCO's person has no narrower categories; expressions say these."""
COCO_NOUNS = {
    "person": "person", "vehicle": "vehicle", "outdoor": "outdoor object", "animal": "animal",
    "accessory": "accessory", "sports": "sports item", "kitchen": "tableware", "food": "food",
    "furniture": "furniture", "electronic": "device", "appliance": "appliance", "indoor": "indoor object",
    "textile": "textile", "plant": "plant", "building": "building", "furniture-stuff": "furniture",
    "structural": "structure", "food-stuff": "food",
}  # fmt: skip
"""COCO's supercategory -> what one says; the others name no things (sky, ground, raw-material)."""
COCO_OTHERWISE = {"bench": "furniture", "potted plant": "plant", "teddy bear": "toy", "bridge": "structure"}
"""Nouns of which nobody says their supercategory."""
COCO_REFUSED = frozenset(("roof", "tent", "door", "light", "mirror", "stairs", "branch", "leaves", "straw"))
"""Parts, and what nobody calls by the supercategory."""
_SPOKEN = {
    "couch": ("sofa",), "tv": ("television",), "cell phone": ("phone",), "donut": ("doughnut",),
    "refrigerator": ("fridge",), "airplane": ("plane",), "bicycle": ("bike",), "handbag": ("purse",),
    "motorcycle": ("motorbike",), "dining table": ("table",),
}  # fmt: skip
SAID = {
    "person": ("guy", "dude", "gal", "umpire", "skater", "rider", "worker", "driver", "mom", "father"),
    "vehicle": ("van", "suv", "cab", "jet", "tram", "trolley", "moped"),
    "device": ("computer", "monitor", "screen"),
    "building": ("tower", "church"), "garment": ("pants",), "accessory": ("glasses", "sunglasses", "watch"),
    "vegetable": ("onion",), "food": ("rice", "fries"),
}  # fmt: skip
"""What expressions of photographs say, and WordNet has other senses of."""
BROADER_STILL = {
    "bird": "animal", "fruit": "food", "vegetable": "food", "tree": "plant", "flower": "plant",
    "bag": "accessory",
}  # fmt: skip
"""Of broader nouns: a pigeon is a bird, and so an animal."""
_IRREGULAR = {"child": "children", "knife": "knives", "wolf": "wolves", "shelf": "shelves", "mouse": "mice"}
_SAME = frozenset(
    (
        "sheep",
        "deer",
        "skis",
        "scissors",
        "clothes",
        "pants",
        "glasses",
        "fries",
        "food",
        "furniture",
        "tableware",
    )
)
"""Plural as singular."""


def superclass_table(name: str) -> dict[str, str]:
    """Lower-case noun -> broader noun, singular to singular and plural to plural; raises InvalidInput."""
    if name not in _TABLES:
        raise InvalidInput(f'superclass table "{name}" does not exist; there is {", ".join(_TABLES)}')
    pairs = _TABLES[name]()
    plurals = {_plural(noun): _plural(broader) for noun, broader in pairs.items()}
    return plurals | pairs


def coco_supercategories() -> dict[str, str]:
    """COCO's categories, things before stuff, and their supercategories, all as COCO spells them."""
    content = _content("coco_categories")
    groups = (content["stuff"], content["things"])
    return {noun: group for groups in groups for group, nouns in groups.items() for noun in nouns}


def _coco() -> dict[str, str]:
    pairs = dict.fromkeys(PEOPLE, "person") | BROADER_STILL
    for category, group in coco_supercategories().items():
        noun = category.removesuffix("-stuff")
        broader = COCO_OTHERWISE.get(noun, COCO_NOUNS.get(group))
        if broader and noun != broader and "-" not in noun and noun not in COCO_REFUSED:
            pairs |= dict.fromkeys((noun, *_SPOKEN.get(noun, ())), broader)
    return pairs


def _wordnet() -> dict[str, str]:
    # COCO's own word for a noun comes before WordNet's
    return _flat(_content("superclasses")["superclasses"]) | _flat(SAID) | _coco()


def _flat(table: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {noun: broader for broader, nouns in table.items() for noun in nouns}


def _content(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text())
    return content


def _plural(noun: str) -> str:
    if noun in _SAME:
        return noun
    if noun.endswith(("man", "woman")) and noun != "human":
        return noun[:-2] + "en"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return _IRREGULAR.get(noun, noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s"))


_TABLES: Mapping[str, Callable[[], dict[str, str]]] = {
    MICROWORLD: lambda: _flat(SUPERCLASSES), COCO: _coco, WORDNET: _wordnet,
}  # fmt: skip
