"""Params as they arrive: bounded, whether a spec or a stranger asked."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from synres.domain.choice import choose
from synres.errors import InvalidInput, SpecInvalid
from synres.stages.params import (
    CaptionParams,
    GenerateParams,
    SegmentParams,
    TrainParams,
    choice_of,
    decode_params,
    encode_params,
)
from tests.runs import spec_with

TRAINING = TrainParams(
    backend="x", seed=0, parts=(), weights_input=-1, steps=1, batch_size=1, learning_rate=1.0
)


@pytest.mark.parametrize(
    ("params", "field", "bound"),
    [
        (CaptionParams(backend="x", seed=0), "expressions_per_prompt", 62),
        (CaptionParams(backend="x", seed=0), "prompts_per_sample", 16),
        (GenerateParams(backend="x", seed=0), "images_per_prompt", 256),
        (TRAINING, "batch_size", 4096),
        (TRAINING, "expressions_per_picture", 62),
    ],
)
def test_params_of_a_call_are_bounded(params: object, field: str, bound: int) -> None:
    """The bound itself is fine; one more, or none at all, is an error that names field and bound."""
    most = replace(params, **{field: bound})  # type: ignore[type-var]
    assert decode_params(encode_params(most), type(params)) == most
    for bad, said in ((bound + 1, f"<= {bound}"), (0, ">= 1")):
        data = json.dumps(json.loads(encode_params(most)) | {field: bad}).encode()
        with pytest.raises(InvalidInput, match=rf"{said} - at `\$\.{field}`"):
            decode_params(data, type(params))


@pytest.mark.parametrize(
    ("given", "asked", "bound"),
    [
        ("expressions_per_prompt: 3", "expressions_per_prompt: 63", 62),
        ("expressions_per_prompt: 3", "prompts_per_sample: 17", 16),
        ("images_per_prompt: 2", "images_per_prompt: 257", 256),
        ("steps: 1", "steps: 1\n      batch_size: 4097", 4096),
    ],
)
def test_a_spec_has_the_same_bounds(given: str, asked: str, bound: int) -> None:
    """A run that every service would refuse does not start."""
    with pytest.raises(SpecInvalid, match=rf"{asked.split()[-2].rstrip(':')}.*less than or equal to {bound}"):
        spec_with((given, asked))


def test_a_choice_is_read_from_params_of_any_stage() -> None:
    """A job knows its backend before it knows its stage's params."""
    params = encode_params(SegmentParams(backend="lisa", model="own/Lisa", options={"precision": "bf16"}))
    assert choice_of(params) == choose("lisa", "own/Lisa", {"precision": "bf16"})
    assert decode_params(params, SegmentParams).choice == choice_of(params)
    for other in (b"{}", b"[", b'{"backend":1}', b'{"backend":"a","model":"../x"}'):
        with pytest.raises(InvalidInput):
            choice_of(other)
