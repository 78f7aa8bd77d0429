"""Makes services/trainer/superclasses.json anew: `python -m tools.superclass_table FOLDER`.

FOLDER holds WordNet's index.noun and data.noun (Debian's wordnet-base puts them into /usr/share/wordnet). A
noun gets the broader noun of the list below that its hypernyms lead to. Vetted by rule: only nouns that
WordNet's annotators met in texts, in no sense that leads elsewhere or nowhere, and no names.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TABLE = Path(__file__).parents[1] / "services/trainer/superclasses.json"
# broader noun -> WordNet's (lemma, number of the sense) at and below which it fits, narrowest first
ROOTS: dict[str, tuple[tuple[str, int], ...]] = {
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


def senses(folder: Path) -> dict[str, tuple[int, list[int]]]:
    """Lemma -> (how many senses were met in texts, offsets of all, the most frequent first)."""
    found = {}
    for line in (folder / "index.noun").read_text().splitlines():
        if not line.startswith(" "):
            lemma, _, _, pointers, *rest = line.split()
            _, tagged, *offsets = rest[int(pointers) :]
            found[lemma] = (int(tagged), [int(offset) for offset in offsets])
    return found


def synsets(folder: Path) -> dict[int, tuple[list[str], list[int]]]:
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


def broader_nouns(folder: Path) -> dict[str, list[str]]:
    """Broader noun -> its nouns, sorted."""
    index, data = senses(folder), synsets(folder)
    roots = {index[lemma][1][n - 1]: name for name, places in ROOTS.items() for lemma, n in places}
    table = defaultdict(list)
    for lemma, (tagged, offsets) in index.items():
        counted = offsets[: 1 if lemma in ALSO else tagged]
        led = {next((roots[o] for o in _above(offset, data) if o in roots), "") for offset in counted}
        spelled = [word for word in data[offsets[0]][0] if word.lower() == lemma]
        if len(led) == 1 and led != {""} and spelled == [lemma] and _is_plain(lemma):
            table[led.pop()].append(lemma.replace("_", " "))
    return {name: sorted(nouns) for name, nouns in sorted(table.items())}


def _above(offset: int, data: dict[int, tuple[list[str], list[int]]]) -> Iterator[int]:
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
    folder = Path(sys.argv[1])
    table = broader_nouns(folder)
    content = {"source": "WordNet 3.0, nouns", "licence": _licence(folder), "superclasses": table}
    TABLE.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    print({name: len(nouns) for name, nouns in table.items()})


if __name__ == "__main__":
    main()
