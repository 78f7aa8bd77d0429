"""The Open Inference Protocol's tensors into a call, and an answer into tensors."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from services.segmenter.answers import Caller, FoundMask, SegmentAnswer, Timings
from services.segmenter.tensors import OUTPUTS, Tensor, call_of, outputs_of, pack_bytes, unpack_bytes
from synres.domain.masks import decode_mask
from synres.domain.types import ModelInfo, Rle
from synres.errors import InvalidInput

CALLER = Caller("key", may_choose=False)
IMAGE = Tensor("image", "BYTES", (1,), pack_bytes([b"\x89PNG"]))
TEXTS = Tensor("expressions", "BYTES", (2,), pack_bytes(["der Hügel".encode(), b"a dog"]))


def _answer() -> SegmentAnswer:
    full, none = Rle((2, 3), "06"), Rle((2, 3), "6")
    masks = (FoundMask("a", full, (0, 0, 3, 2), 6, 0.75), FoundMask("b", none, (0, 0, 0, 0), 0, 0.0))
    model = ModelInfo("micro", "d" * 64, "Apache-2.0", bitwise=True)
    return SegmentAnswer(masks, full, 2, 3, model, Timings(0, 0, 0, 0), "id")


def test_tensors_become_a_call() -> None:
    """The picture's bytes as they are, expressions as text, a timeout in microseconds as a deadline."""
    call = call_of([TEXTS, IMAGE], {"timeout": 5_000_000}, CALLER)
    assert (call.image, call.expressions, call.caller) == (b"\x89PNG", ("der Hügel", "a dog"), CALLER)
    assert call.deadline_s is not None


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        ([IMAGE], "'expressions' is missing"),
        ([IMAGE, TEXTS, replace(IMAGE, name="mask")], "'mask' is not known"),
        ([IMAGE, replace(TEXTS, datatype="FP32")], r"'expressions' is FP32 \[2\]; BYTES \[-1\] is meant"),
        ([IMAGE, replace(TEXTS, shape=(3,))], "do not hold"),
        ([IMAGE, replace(TEXTS, shape=(10**9,))], r"BYTES \[-1\] is meant"),
        ([IMAGE, replace(TEXTS, shape=(-1, 2))], "is meant"),
        ([IMAGE, replace(TEXTS, contents=TEXTS.contents[:-1])], "do not hold"),
        ([IMAGE, replace(TEXTS, contents=b"\xff\xff\xff\xff")], "do not hold"),
        ([replace(IMAGE, shape=(2,)), TEXTS], "'image' is"),
        ([IMAGE, Tensor("expressions", "BYTES", (1,), pack_bytes([b"\xff"]))], "not UTF-8"),
    ],
)
def test_wrong_tensors_are_named(inputs: list[Tensor], told: str) -> None:
    """One sentence that says which and what is meant."""
    with pytest.raises(InvalidInput, match=told):
        call_of(inputs, {}, CALLER)


@pytest.mark.parametrize("timeout", [0, -1, True, "5", 1.5, 2**60])
def test_a_timeout_is_whole_microseconds(timeout: object) -> None:
    """Nothing else is taken for one."""
    with pytest.raises(InvalidInput, match="timeout"):
        call_of([IMAGE, TEXTS], {"timeout": timeout}, CALLER)


def test_an_answer_becomes_tensors() -> None:
    """All but the dense masks come unasked, with the datatypes and ranks that the metadata tells."""
    tensors = {tensor.name: tensor for tensor in outputs_of(_answer(), [])}
    assert set(tensors) == {spec.name for spec in OUTPUTS} - {"masks"}
    assert all((t.datatype, len(t.shape)) == (s.datatype, len(s.shape)) for s in OUTPUTS
               if (t := tensors.get(s.name)))  # fmt: skip
    assert np.frombuffer(tensors["scores"].contents, "<f4").tolist() == [0.75, 0.0]
    assert np.frombuffer(tensors["boxes"].contents, "<i4").reshape(2, 4).tolist() == [[0, 0, 3, 2], [0] * 4]
    assert np.frombuffer(tensors["no_target"].contents, "?").tolist() == [False, True]
    rle = json.loads(unpack_bytes(tensors["rle"])[0])
    assert decode_mask(Rle(tuple(rle["size"]), rle["counts"])).all()


def test_dense_masks_come_when_asked_for() -> None:
    """Expressions x height x width, a byte each."""
    (masks,) = outputs_of(_answer(), ["masks"])
    assert masks.shape == (2, 2, 3)
    assert np.frombuffer(masks.contents, "?").reshape(masks.shape).sum(axis=(1, 2)).tolist() == [6, 0]


def test_dense_masks_have_an_end() -> None:
    """A request for gigabytes is answered with the way around it, before anything is decoded."""
    with pytest.raises(InvalidInput, match="take 'rle'"):
        outputs_of(replace(_answer(), height=1 << 14, width=1 << 14), ["masks"])


def test_an_unknown_output_is_named() -> None:
    """With those that there are."""
    with pytest.raises(InvalidInput, match=r"'logits' is not known; there is rle, scores"):
        outputs_of(_answer(), ["logits"])
