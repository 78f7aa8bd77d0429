"""Prompts are counted in tokens as the pipeline counts them: what it would cut in silence is refused."""

from __future__ import annotations

import inspect
from typing import Any

from services.generator.painter_options import DrawOptions
from synres.errors import InvalidInput, RejectedItem

_TOKENIZERS = ("tokenizer", "tokenizer_2", "tokenizer_3")
_INSTRUCTION = "complex_human_instruction"


def check_length(pipeline: Any, prompt: str, options: DrawOptions) -> None:
    """Raises RejectedItem("prompt_too_long") for a prompt over the limit, InvalidInput for such a
    `negative_prompt`."""
    takes = inspect.signature(type(pipeline).__call__).parameters
    instruction = ""
    if _INSTRUCTION in takes:
        # SANA's pipelines read prompts so
        prompt = prompt.lower().strip()
        if options.complex_human_instruction:
            instruction = "\n".join(takes[_INSTRUCTION].default)
    for tokenizer in filter(None, (getattr(pipeline, name, None) for name in _TOKENIZERS)):
        limit = int(tokenizer.model_max_length)
        if "max_sequence_length" in takes:
            limit = min(limit, options.max_sequence_length)
        _check_prompt(tokenizer, prompt, instruction, limit)
        _check_negative(tokenizer, options.negative_prompt, limit)


def _check_prompt(tokenizer: Any, prompt: str, instruction: str, limit: int) -> None:
    # the pipeline gives the instruction its own room, less the tokens for beginning and end
    room = limit + (_count(tokenizer, instruction) - 2 if instruction else 0)
    used = _count(tokenizer, instruction + prompt)
    if used > room:
        with_instruction = " with its instruction" if instruction else ""
        raise RejectedItem(
            "prompt_too_long",
            f"the prompt {prompt[:60]!r}... has {used} tokens{with_instruction}, and {room} are read: take"
            " fewer expressions for each prompt",
        )


def _check_negative(tokenizer: Any, text: str, limit: int) -> None:
    used = _count(tokenizer, text) if text else 0
    if used > limit:
        raise InvalidInput(f"negative_prompt has {used} tokens, and {limit} are read: shorten it")


def _count(tokenizer: Any, text: str) -> int:
    return len(tokenizer(text, truncation=False, verbose=False).input_ids)
