"""How two releases of the slow LLaMA tokenizer put text into ids: a checkpoint knows only its own.

V4_31 (LISA, GLaMM): white space around a family's own tokens vanishes. V4_44 (GSVA): it stays. Both have a
`legacy` behaviour, in which each text between two tokens gets a dummy space of its own, and a newer one, in
which only the first does. Written from the description of the two releases; every fixture id is met.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from sentencepiece import SentencePieceProcessor

from synres.models.llama_parts import Chunk, Special

_SPACE = "▁"
_UNKNOWN = "<unk>"
# protobuf merges a message that is appended: field 3 (normalizer_spec) {field 3 (add_dummy_prefix): false}
_NO_DUMMY_PREFIX = bytes([0x1A, 0x02, 0x18, 0x00])


class TokenRule(Enum):
    V4_31 = "transformers 4.31"
    V4_44 = "transformers 4.44"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a rule needs to know: the model file's bytes, and which tokens are added or special."""

    model: bytes
    added: Collection[str]
    special: Collection[str]


Pieces = list[str | Special]
Encode = Callable[[Chunk], Pieces]
"""Pieces of one chunk, without BOS. A piece never stands for a token, not even if it is spelled like one."""


def encoder(rule: TokenRule, legacy: bool, vocabulary: Vocabulary) -> Encode:
    """The rule ready for use. Raises RuntimeError when the bytes are no SentencePiece model."""
    if rule is TokenRule.V4_44 and not legacy:
        return _Encoder444(vocabulary).encode
    pieces = _pieces(vocabulary.model)
    eaters = frozenset(vocabulary.added) if rule is TokenRule.V4_31 else frozenset()
    if legacy:
        return lambda chunk: _each(_stripped(chunk, eaters), pieces)
    return lambda chunk: _encode_431(_stripped(_prefixed(chunk), eaters), pieces)


def _pieces(model: bytes) -> Callable[[str], list[str]]:
    processor = SentencePieceProcessor(model_proto=model)
    return lambda text: list(processor.encode(text, out_type=str))


def _each(chunk: Chunk, pieces: Callable[[str], list[str]]) -> Pieces:
    found: Pieces = []
    for item in chunk:
        found += [item] if isinstance(item, Special) else pieces(item)
    return found


def _stripped(chunk: Chunk, eaters: Collection[str]) -> Chunk:
    """The chunk without the white space beside the tokens that eat it."""
    kept = list(chunk)
    for place, (left, right) in enumerate(pairwise(chunk)):
        if isinstance(left, Special) and left.name in eaters and isinstance(right, str):
            kept[place + 1] = right.lstrip()
    for place, (left, right) in enumerate(pairwise(kept)):
        if isinstance(right, Special) and right.name in eaters and isinstance(left, str):
            kept[place] = left.rstrip()
    return [item for item in kept if item != ""]


def _prefixed(chunk: Chunk) -> Chunk:
    """The newer behaviour marks the start of the whole text, so that later parts can be told from it."""
    spaced: Chunk = [item.replace(_SPACE, " ") if isinstance(item, str) else item for item in chunk]
    if spaced and isinstance(spaced[0], str):
        return [_SPACE + spaced[0], *spaced[1:]]
    return [_SPACE, *spaced]


def _encode_431(chunk: Chunk, pieces: Callable[[str], list[str]]) -> Pieces:
    return _each(chunk, lambda text: _later_text_431(text, pieces))


def _later_text_431(text: str, pieces: Callable[[str], list[str]]) -> list[str]:
    """A later text loses its dummy space, even when what is left is no piece (it becomes `<unk>`)."""
    if text.startswith(_SPACE):
        return pieces(text[1:])
    found = pieces(text)
    if text.startswith(" ") or not found or not found[0].startswith(_SPACE):
        return found
    first = found[0][1:]
    return [first, *found[1:]] if first else found[1:]


class _Encoder444:
    """No dummy space at all; a text that starts with a space is encoded behind `<unk>` to keep it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._pieces = _pieces(vocabulary.model + _NO_DUMMY_PREFIX)
        self._unknown_length = len(self._pieces(_UNKNOWN))
        self._special = frozenset(vocabulary.special)

    def encode(self, chunk: Chunk) -> Pieces:
        if not chunk:
            return []
        found = _each(_prefixed(chunk), self._encode_text)
        second = found[1] if len(found) > 1 and found[0] == _SPACE else None
        return found[1:] if isinstance(second, Special) and second.name in self._special else found

    def _encode_text(self, text: str) -> list[str]:
        if not text.startswith((_SPACE, " ")):
            return self._pieces(text)
        return self._pieces(_UNKNOWN + text)[self._unknown_length :]
