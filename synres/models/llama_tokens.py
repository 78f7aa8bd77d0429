"""The tokenizer of a checkpoint: its SentencePiece model, its added tokens, and the rule it was trained with.

`transformers` of today gives other ids than the releases that the checkpoints were trained with, so the
rules are ours (`llama_rules`) and `sentencepiece` does the rest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from sentencepiece import SentencePieceProcessor

from synres.errors import BackendUnavailable, InvalidInput
from synres.models.llama_parts import IMAGE, Chunk, Part, Special, chunks
from synres.models.llama_rules import Pieces, TokenRule, Vocabulary, encoder

IMAGE_ID = -200
_UNLIMITED = 10**9


@dataclass(frozen=True, slots=True)
class FamilyTokens:
    """What a family of checkpoints adds to LLaMA's vocabulary, in order, and the rule it was trained with.

    `slots` are the tokens that answer an expression; `special` are those that the family added as special.
    """

    rule: TokenRule
    added: tuple[str, ...]
    slots: tuple[str, ...]
    special: tuple[str, ...]


class LlamaTokens:
    """Parts to ids and ids to text. `ids` maps every token name to its id, looked up by its string."""

    def __init__(
        self, model: bytes, family: FamilyTokens, added: Mapping[str, int], legacy: bool, max_length: int
    ) -> None:
        """Raises RuntimeError when `model` is no SentencePiece model."""
        self._processor = SentencePieceProcessor(model_proto=model)
        controls = {self._processor.id_to_piece(i): i for i in self._control_ids()}
        self.ids: dict[str, int] = {**controls, **added}
        self.bos_id, self.eos_id = self._processor.bos_id(), self._processor.eos_id()
        self.pad_id: int = self._processor.unk_id()
        self.slot_ids = tuple(self.ids[name] for name in family.slots)
        self.max_length = max_length
        self._names = sorted(self.ids, key=len, reverse=True)
        special = {*controls, *family.special}
        self._encode = encoder(family.rule, legacy, Vocabulary(model, tuple(added), tuple(special)))
        self._by_id = {i: name for name, i in self.ids.items()}

    def __len__(self) -> int:
        """Rows that the embedding needs."""
        return max([self._processor.vocab_size() - 1, *self.ids.values()]) + 1

    def encode(self, parts: Iterable[Part]) -> list[int]:
        """BOS, then the ids; -200 for each image. Raises InvalidInput for text that is not Unicode."""
        found = [self.bos_id]
        for place, chunk in enumerate(chunks(parts, self._names)):
            found += [IMAGE_ID] * (place > 0) + self._chunk_ids(chunk)
        return found

    def decode(self, ids: Sequence[int]) -> str:
        """Text for people: `<s>`, `</s>` and padding left out, tokens kept by name between single spaces."""
        texts: list[str] = []
        run: list[int] = []
        for i in [*ids, self.eos_id]:
            if 0 <= i < self._processor.vocab_size() and i not in self._by_id:
                run.append(i)
                continue
            texts += [str(self._processor.decode(run)).strip(), self._name(i)]
            run = []
        return " ".join(text for text in texts if text)

    def _name(self, i: int) -> str:
        if i in self._control_ids():
            return ""
        return IMAGE if i == IMAGE_ID else self._by_id.get(i, "<unk>")

    def _control_ids(self) -> tuple[int, int, int]:
        return self._processor.unk_id(), self._processor.bos_id(), self._processor.eos_id()

    def _chunk_ids(self, chunk: Chunk) -> list[int]:
        for text in chunk:
            if isinstance(text, str):
                _require_unicode(text)
        return self._piece_ids(self._encode(chunk))

    def _piece_ids(self, pieces: Pieces) -> list[int]:
        return [
            self.ids[piece.name] if isinstance(piece, Special) else self._processor.piece_to_id(piece)
            for piece in pieces
        ]


def read_tokens(folder: Path, family: FamilyTokens) -> LlamaTokens:
    """The tokenizer in `folder`: `tokenizer.model`, and the lists and settings beside it.

    What a base checkpoint lacks of a family's tokens goes behind its vocabulary, in the family's order.
    Raises BackendUnavailable when a file is missing or unreadable.
    """
    path = folder / "tokenizer.model"
    if not path.is_file():
        raise BackendUnavailable(f"{folder} has no tokenizer.model; fetch it with the checkpoint")
    config = _read_json(folder / "tokenizer_config.json")
    legacy = config.get("legacy") is not False
    length = config.get("model_max_length")
    max_length = int(length) if isinstance(length, int | float) and length < _UNLIMITED else _UNLIMITED
    try:
        model = path.read_bytes()
        added = _added_ids(folder, config, family, SentencePieceProcessor(model_proto=model).vocab_size())
        return LlamaTokens(model, family, added, legacy, max_length)
    except (OSError, RuntimeError) as error:
        raise BackendUnavailable(f"{path} is not a SentencePiece model; fetch it again") from error


def _added_ids(
    folder: Path, config: Mapping[str, object], family: FamilyTokens, vocabulary: int
) -> dict[str, int]:
    listed = _listed_tokens(folder, config)
    following = count(max([vocabulary - 1, *listed.values()]) + 1)
    return {name: listed[name] if name in listed else next(following) for name in family.added}


def _listed_tokens(folder: Path, config: Mapping[str, object]) -> dict[str, int]:
    """Newer releases list the added tokens in tokenizer_config.json, older ones in added_tokens.json."""
    found: dict[str, int] = {}
    decoder = config.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        found = {entry["content"]: int(i) for i, entry in decoder.items() if "content" in entry}
    listed = _read_json(folder / "added_tokens.json")
    return {**found, **{name: i for name, i in listed.items() if isinstance(i, int)}}


def _read_json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text()) if path.is_file() else {}
    except ValueError as error:
        raise BackendUnavailable(f"{path} is not JSON; fetch it again") from error
    return found if isinstance(found, dict) else {}


def _require_unicode(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"{text!r} holds half a character (a lone surrogate); send valid Unicode"
        ) from error
