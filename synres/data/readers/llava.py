"""LLaVA-Instruct-150k: conversations about pictures of COCO 2017. https://llava-vl.github.io"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from synres.data.paths import path_inside
from synres.data.readers.json_lists import decode_file, locate, map_json
from synres.data.readers.places import find_folder
from synres.data.rows import Place, Problem, Turn, VqaRow
from synres.errors import NotFound, UnsafePath
from synres.typed_json import decode_json

FILE = "llava_instruct_150k.json"
IMAGE_MARK = "<image>"
PICTURES = ("coco/train2017", "coco_2017/train2017", "train2017")
SPEAKERS = ("human", "gpt")


class _Turn(msgspec.Struct):
    speaker: str = msgspec.field(name="from")
    value: str = ""


class _Conversation(msgspec.Struct):
    id: str | int
    conversations: list[_Turn]
    image: str | None = None


def read_llava(folder: Path, images: Path | None = None) -> Iterator[VqaRow | Problem]:
    """Rows in the order of `llava_instruct_150k.json`. The mark `<image>`, which the
    original moves to the front of the first turn, is removed: a model's own words put it back.
    Raises NotFound and InvalidInput.

    Problems: `conversation_invalid` (also turns that do not alternate), `empty_turn`, `unsafe_path`. Ids
    may repeat, as in the original: one for each kind of question.
    """
    path = folder / FILE
    if not path.is_file():
        raise NotFound(f"{path} does not exist")
    pictures = images or find_folder(folder, PICTURES)
    data = map_json(path)
    records: list[msgspec.Raw] = decode_file(data, path, list[msgspec.Raw])
    for number, located in enumerate(locate(data, records)):
        place = Place(path.name, f"conversation {number}", located.line)
        yield _row(place, located.raw, pictures)


def _row(place: Place, raw: msgspec.Raw, images: Path) -> VqaRow | Problem:
    try:
        row: _Conversation = decode_json(memoryview(raw), _Conversation)
        image = None if row.image is None else path_inside(images, row.image)
    except UnsafePath as error:
        return Problem(place, "unsafe_path", error.message)
    except ValueError as error:
        return Problem(place, "conversation_invalid", str(error))
    turns = tuple(
        Turn(turn.speaker, turn.value.replace(IMAGE_MARK, "").strip()) for turn in row.conversations
    )
    if not turns or len(turns) % 2 or any(t.speaker != SPEAKERS[k % 2] for k, t in enumerate(turns)):
        return Problem(place, "conversation_invalid", "turns of human and gpt must alternate, in pairs")
    if not all(turn.text for turn in turns):
        return Problem(place, "empty_turn", "a turn has no words")
    return VqaRow(place, image, turns, str(row.id))
