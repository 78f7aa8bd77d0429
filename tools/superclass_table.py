"""Makes services/trainer/superclasses.json anew: `python -m tools.superclass_table FOLDER LVIS`.

FOLDER holds WordNet's index.noun and data.noun (Debian's wordnet-base puts them into /usr/share/wordnet);
LVIS is one of LVIS v1's annotation files, or its `categories` alone. A noun gets the broader noun of the
lists below that its hypernyms lead to. Vetted by rule: of LVIS, whose annotators chose the sense in
photographs, all spellings that need no explanation and have one sense there; of WordNet only nouns that its
annotators met in texts, in no sense that leads elsewhere or nowhere, and no names.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

Roots: TypeAlias = dict[str, tuple[tuple[str, int], ...]]
Senses: TypeAlias = dict[str, tuple[int, list[int]]]
Synsets: TypeAlias = dict[int, tuple[list[str], list[int]]]
TABLE = Path(__file__).parents[1] / "services/trainer/superclasses.json"
# broader noun -> WordNet's (lemma, number of the sense) at and below which it fits, narrowest first
ROOTS: Roots = {
    "person": (("person", 1),),
    "bird": (("bird", 1),),
    "animal": (("animal", 1),),
    "vehicle": (("vehicle", 1),),
    "furniture": (("furniture", 1),),
    "garment": (("clothing", 1), ("footwear", 2)),
    "bag": (("bag", 1), ("bag", 4), ("luggage", 1)),
    "tableware": (("tableware", 1), ("cutlery", 2)),
    "appliance": (("home_appliance", 1),),
    "building": (("building", 1),),
    "fruit": (("edible_fruit", 1),),
    "vegetable": (("vegetable", 1),),
    "food": (("foodstuff", 2), ("food", 2), ("dish", 2), ("baked_goods", 1)),
    "weapon": (("weapon", 1),),
    "toy": (("plaything", 1),),
    "tool": (("hand_tool", 1),),
    "instrument": (("musical_instrument", 1),),
    "container": (("bottle", 1), ("box", 1), ("jar", 1), ("basket", 1)),
    "tree": (("tree", 1),),
    "flower": (("flower", 1),),
}
# below which LVIS has things of photographs, and WordNet too much else
LVIS_ROOTS: Roots = {
    "device": (("electronic_equipment", 1), ("electronic_device", 1), ("computer", 1), ("camera", 1)),
    "sports item": (("sports_equipment", 1), ("ball", 1), ("ski", 1), ("racket", 4)),
    "drink": (("beverage", 1),),
    "food": (("nutriment", 1), ("sweet", 3), ("condiment", 1)),
    "ornament": (("adornment", 1), ("decoration", 1)),
    "lamp": (("lamp", 1), ("lamp", 2)),
    "textile": (("fabric", 1), ("piece_of_cloth", 1), ("cloth_covering", 1), ("linen", 3), ("bedclothes", 1)),
    "tableware": (("kitchen_utensil", 1),),
    "tool": (("tool", 1), ("edge_tool", 1), ("writing_implement", 1)),
    "container": (("container", 1),),
    "machine": (("machine", 1),),
    "structure": (("structure", 1),),
}
# LVIS's nouns whose broader noun nobody says of them
_NOT_OF_LVIS = """
    chap, garbage, pipe bowl, whipped cream, clementine, christmas tree, brass plaque, bottle cork, cast,
    elevator car, cornice, visor, vizor, pitcher's mound, baseball base, trunk, water tower, water heater,
    hot-water heater, plaster cast, plaid, tartan, band aid, sail, cylinder, puncher, collar, brownie, roll,
    boiler, cooker, gun, grille, grillwork, grill, radiator grille, valance, valance board, pelmet, spread,
    flash, chime, horn, drill
"""
NOT_OF_LVIS = frozenset(noun.strip() for noun in _NOT_OF_LVIS.split(","))
# things of photographs that texts seldom name, or whose other senses nobody means before a photograph
_ALSO = """
    jacket helmet van banana rose oak hammer skier pigeon coat dress shirt skirt sweater glove scarf
    boot sandal sneaker jeans shorts cap stool desk wardrobe mug plate tram lorry scooter minivan pickup
    canoe kayak helicopter jeep limousine motorbike tractor lemon pineapple mango peach lettuce onion
    pumpkin broccoli carrot cupcake pancake cookie sausage hamburger sandwich kitten puppy lamb goat pig
    lion tiger monkey rabbit deer wolf fox horse cow sheep parrot owl penguin swan gull house tower
    church castle violin piano drum trumpet bottle basket backpack suitcase chair bench bed teddy
    skateboarder surfer toddler cyclist waiter chef
"""
ALSO = frozenset(_ALSO.split())
# first senses that no photograph shows, or whose broader noun nobody says of them
REFUSED = frozenset(
    [
        "person",
        "people",
        "man",
        "woman",
        "boy",
        "girl",
        "bird",
        "animal",
        "game",
        "chicken",
        "turkey",
        "bear",
        "seal",
    ]
)


def senses(folder: Path) -> Senses:
    """Lemma -> (how many senses were met in texts, offsets of all, the most frequent first)."""
    found = {}
    for line in (folder / "index.noun").read_text().splitlines():
        if not line.startswith(" "):
            lemma, _, _, pointers, *rest = line.split()
            _, tagged, *offsets = rest[int(pointers) :]
            found[lemma] = (int(tagged), [int(offset) for offset in offsets])
    return found


def synsets(folder: Path) -> Synsets:
    """Offset -> (its words as they are spelled, offsets of its hypernyms)."""
    found = {}
    for line in (folder / "data.noun").read_text().splitlines():
        if not line.startswith(" "):
            offset, _, _, count, *rest = line.split(" | ")[0].split()
            words = rest[: 2 * int(count, 16) : 2]
            pointers = rest[2 * int(count, 16) + 1 :]
            above = [int(pointers[k + 1]) for k in range(0, len(pointers), 4) if pointers[k] == "@"]
            found[int(offset)] = (words, above)
    return found


def broader_nouns(folder: Path, lvis: Path) -> dict[str, list[str]]:
    """Broader noun -> its nouns, sorted; LVIS's sense of a noun comes before WordNet's senses."""
    index, data = senses(folder), synsets(folder)
    table = defaultdict(list)
    for noun, broader in (_of_wordnet(index, data) | _of_lvis(index, data, lvis)).items():
        table[broader].append(noun)
    return {name: sorted(nouns) for name, nouns in sorted(table.items())}


def _of_wordnet(index: Senses, data: Synsets) -> dict[str, str]:
    roots, table = _offsets(ROOTS, index), {}
    for lemma, (tagged, offsets) in index.items():
        counted = offsets[: 1 if lemma in ALSO else tagged]
        led = {_nearest(offset, data, roots) for offset in counted}
        spelled = [word for word in data[offsets[0]][0] if word.lower() == lemma]
        if len(led) == 1 and led != {""} and spelled == [lemma] and _is_plain(lemma):
            table[lemma.replace("_", " ")] = led.pop()
    return table


def _of_lvis(index: Senses, data: Synsets, lvis: Path) -> dict[str, str]:
    content = json.loads(lvis.read_text())
    roots = _offsets(LVIS_ROOTS, index) | _offsets(ROOTS, index)
    led = defaultdict(set)
    for category in content["categories"] if isinstance(content, dict) else content:
        lemma, _, number = category["synset"].rsplit(".", 2)
        # one category, stop_sign, has a synset that WordNet has not
        offsets = index[lemma][1][int(number) - 1 : int(number)] if lemma in index else []
        for spelled in {category["name"], *category["synonyms"]}:
            explained = spelled.partition("_(")[0].replace("_", " ").lower()
            led[explained].update({"explained"} if "(" in spelled else ())
            led[explained].update(_nearest(offset, data, roots) for offset in offsets)
    return {noun: found.pop() for noun, found in led.items() if len(found) == 1 and _is_broader(found, noun)}


def _is_broader(found: set[str], noun: str) -> bool:
    return found != {""} and noun not in ROOTS.keys() | LVIS_ROOTS.keys() | NOT_OF_LVIS


def _offsets(roots: Roots, index: Senses) -> dict[int, str]:
    return {index[lemma][1][n - 1]: name for name, places in roots.items() for lemma, n in places}


def _nearest(offset: int, data: Synsets, roots: dict[int, str]) -> str:
    return next((roots[above] for above in _above(offset, data) if above in roots), "")


def _above(offset: int, data: Synsets) -> Iterator[int]:
    """It and its hypernyms, the nearest first."""
    level = [offset]
    while level:
        yield from level
        level = [above for each in level for above in data[each][1]]


def _is_plain(lemma: str) -> bool:
    words = lemma.split("_")
    return len(words) <= 2 and all(word.isalpha() for word in words) and lemma not in REFUSED | ROOTS.keys()


def _licence(folder: Path) -> str:
    """As it stands, line by line, at the top of the file."""
    lines = (line for line in (folder / "data.noun").read_text().splitlines() if line.startswith("  "))
    return " ".join(line.split(maxsplit=1)[1].strip() for line in lines if len(line.split()) > 1)


def main() -> None:
    """Writes the table and says how large it is."""
    folder, lvis = map(Path, sys.argv[1:])
    table = broader_nouns(folder, lvis)
    content = {
        "source": "WordNet 3.0, nouns", "licence": _licence(folder),
        "lvis_source": "LVIS v1: names, synonyms and synsets of its categories",
        "lvis_licence": "Annotations: Creative Commons Attribution 4.0, LVIS Consortium",
        "superclasses": table,
    }  # fmt: skip
    TABLE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    print({name: len(nouns) for name, nouns in table.items()})


if __name__ == "__main__":
    main()
