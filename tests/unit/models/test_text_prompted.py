"""CLIPSeg and SAM 3 from transformers, with tiny random weights of the real architectures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import CLIPSegForImageSegmentation, CLIPTokenizer, Sam3Model, ViTImageProcessorPil

from synres.domain.types import ModelInfo
from synres.errors import RejectedItem
from synres.models.clip_text import tokenize
from synres.models.clipseg import ClipSegOptions, ClipSegSegmenter
from synres.models.encoding_cache import EncodingCache
from synres.models.picture_rows import ROWS
from synres.models.sam3 import Sam3Options, Sam3Segmenter
from tests.tiny_models import TEXT_CONTEXT, write_clipseg, write_sam3

MODEL = ModelInfo("tiny", "0" * 64, "MIT", bitwise=False)
IMAGE = np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8)
EXPRESSIONS = ("a dog", "the red cat", "bike")
PLENTY = 2**24


@pytest.fixture(scope="module")
def clipseg_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a tiny CLIPSeg lies."""
    return write_clipseg(tmp_path_factory.mktemp("clipseg"))


@pytest.fixture(scope="module")
def sam3_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a tiny SAM 3 lies."""
    return write_sam3(tmp_path_factory.mktemp("sam3"))


@pytest.fixture
def clipseg(clipseg_folder: Path) -> ClipSegSegmenter:
    """A tiny CLIPSeg with an empty cache."""
    return ClipSegSegmenter(clipseg_folder, MODEL, ClipSegOptions(), EncodingCache(PLENTY))


@pytest.fixture
def sam3(sam3_folder: Path) -> Sam3Segmenter:
    """A tiny SAM 3 with an empty cache, that keeps every instance."""
    return Sam3Segmenter(sam3_folder, MODEL, Sam3Options(threshold=0.0), EncodingCache(PLENTY))


@torch.inference_mode()
def test_clipseg_is_the_library_models_own_answer(clipseg_folder: Path, clipseg: ClipSegSegmenter) -> None:
    """Sharing one image encode changes no pixel against transformers' forward, row by row."""
    network = CLIPSegForImageSegmentation.from_pretrained(clipseg_folder).eval()
    words = CLIPTokenizer.from_pretrained(clipseg_folder)(EXPRESSIONS, padding=True, return_tensors="pt")
    pixels = ViTImageProcessorPil.from_pretrained(clipseg_folder)(IMAGE, return_tensors="pt")["pixel_values"]
    logits = network(pixel_values=pixels.repeat(3, 1, 1, 1), **words).logits
    sized = torch.nn.functional.interpolate(logits[:, None], IMAGE.shape[:2], mode="bilinear")[:, 0]
    sure = sized.abs().numpy() > 1e-5
    masks = np.stack([guess.mask for guess in clipseg.segment(IMAGE, EXPRESSIONS)])
    assert np.array_equal(masks[sure], sized.numpy()[sure] > 0)
    assert sure.mean() > 0.99
    assert 0 < masks.mean() < 1


@torch.inference_mode()
def test_sam3_mask_is_the_union_of_the_instances(sam3_folder: Path, sam3: Sam3Segmenter) -> None:
    """Every pixel of every kept instance that transformers finds, and no other."""
    network = Sam3Model.from_pretrained(sam3_folder).eval()
    words = CLIPTokenizer.from_pretrained(sam3_folder)(["a dog"], return_tensors="pt")
    pixels = sam3._processor(IMAGE, return_tensors="pt")["pixel_values"]
    masks = network(pixel_values=pixels, **words).pred_masks
    sized = torch.nn.functional.interpolate(masks.sigmoid(), IMAGE.shape[:2], mode="bilinear")
    expected = (sized[0] > 0.5).any(0).numpy()
    assert np.array_equal(sam3.segment(IMAGE, ["a dog"])[0].mask, expected)
    assert 0 < expected.mean() < 1


@pytest.mark.parametrize("name", ["clipseg", "sam3"])
def test_one_image_encode_however_many_expressions(name: str, request: pytest.FixtureRequest) -> None:
    """Three expressions, and then the same picture again: the image encoder runs once."""
    segmenter = request.getfixturevalue(name)
    encoder = segmenter.network.clip.vision_model if name == "clipseg" else segmenter.network.vision_encoder
    calls: list[int] = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    together = segmenter.segment(IMAGE, EXPRESSIONS)
    again = segmenter.segment(IMAGE, EXPRESSIONS[:1])
    assert len(calls) == 1
    assert np.array_equal(again[0].mask, together[0].mask)


@pytest.mark.parametrize("name", ["clipseg", "sam3"])
def test_pictures_together_are_segmented_as_alone(name: str, request: pytest.FixtureRequest) -> None:
    """Of several sizes, one of them twice, with more expressions than are drawn at a time: equal masks."""
    segmenter = request.getfixturevalue(name)
    encoder = segmenter.network.clip.vision_model if name == "clipseg" else segmenter.network.vision_encoder
    calls: list[int] = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    many = [f"cat {number}" for number in range(ROWS)]
    asked = [(IMAGE, EXPRESSIONS), (IMAGE[:70, :50], many), (IMAGE, ["a tree"]), (IMAGE[9:], ["bike"])]
    together = segmenter.segment_batch(asked)
    assert len(calls) == 1
    for found, (image, expressions) in zip(together, asked, strict=True):
        alone = segmenter.segment(image, expressions)
        assert all(np.array_equal(ours.mask, theirs.mask) for ours, theirs in zip(found, alone, strict=True))
        assert [ours.score for ours in found] == pytest.approx([theirs.score for theirs in alone], abs=1e-5)


@pytest.mark.parametrize("name", ["clipseg", "sam3"])
def test_masks_are_of_the_pictures_size(name: str, request: pytest.FixtureRequest) -> None:
    """bool, (H, W), a score in [0, 1]; no expressions, no masks."""
    segmenter = request.getfixturevalue(name)
    found = segmenter.segment(IMAGE, EXPRESSIONS)
    assert [(guess.mask.shape, guess.mask.dtype) for guess in found] == [((80, 120), np.dtype(np.bool_))] * 3
    assert all(0 <= guess.score <= 1 for guess in found)
    assert segmenter.segment(IMAGE, []) == []


def test_no_instance_is_an_empty_mask(sam3_folder: Path) -> None:
    """A threshold that nothing reaches gives no pixels and score 0."""
    strict = Sam3Segmenter(sam3_folder, MODEL, Sam3Options(threshold=1.0), EncodingCache(0))
    guess = strict.segment(IMAGE, ["a dog"])[0]
    assert (guess.mask.any(), guess.score) == (False, 0.0)


@pytest.mark.parametrize("name", ["clipseg", "sam3"])
def test_an_expression_that_would_lose_its_end_is_rejected(name: str, request: pytest.FixtureRequest) -> None:
    """The limit of the text encoder is said, never applied silently."""
    segmenter = request.getfixturevalue(name)
    with pytest.raises(RejectedItem, match="this model reads 32") as caught:
        segmenter.segment(IMAGE, ["x" * TEXT_CONTEXT])
    assert caught.value.reason == "expression_too_long"


def test_text_is_text(clipseg_folder: Path) -> None:
    """The end token's name inside an expression is spelled out and ends nothing."""
    tokenizer = CLIPTokenizer.from_pretrained(clipseg_folder)
    ids = tokenize(tokenizer, ["a <|endoftext|> b"], TEXT_CONTEXT)["input_ids"][0].tolist()
    assert ids.count(tokenizer.eos_token_id) == 1
    assert ids[-1] == tokenizer.eos_token_id
