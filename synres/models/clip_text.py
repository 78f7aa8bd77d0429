"""Expressions for CLIP's text encoder, shared by CLIPSeg and SAM 3."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import BatchEncoding, CLIPTokenizer

from synres.domain.types import Expression
from synres.errors import RejectedItem


def tokenize(tokenizer: CLIPTokenizer, expressions: Sequence[Expression], context: int) -> BatchEncoding:
    """`input_ids` and `attention_mask`, (n, at most `context`) int64.

    Text is text: `<|endoftext|>` inside an expression is spelled out, never the token of that name. Raises
    as `check_lengths` does.
    """
    tokens = tokenizer(list(expressions), padding=True, split_special_tokens=True, return_tensors="pt")
    check_lengths(expressions, tokens["attention_mask"].sum(1).tolist(), context)
    return tokens


def check_lengths(expressions: Sequence[Expression], lengths: Sequence[int], context: int) -> None:
    """Raises RejectedItem for an expression of more than `context` tokens: its end would be lost unseen."""
    for expression, length in zip(expressions, lengths, strict=True):
        if length > context:
            raise RejectedItem(
                "expression_too_long",
                f'the expression "{expression[:60]}" has {length} tokens; this model reads {context}',
            )
