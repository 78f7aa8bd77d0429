"""Whole pictures of the large models: trained on as they are asked about, without a stretch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from services.trainer.backends import load_backend
from services.trainer.backends.res import ResTrainable, training_batch
from services.trainer.loader import Loader
from services.trainer.trainable import Batch, Shape
from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.types import Triplet
from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore
from tests.res_trainings import CHOICES, GLAMM, choice_with
from tests.tiny_res import register_glamm
from tests.trainings import PARAMS

ORIGINALS = load_file(Path(__file__).parents[2] / "fixtures" / "glamm" / "images.safetensors")
PLAIN = replace(PARAMS, batch_size=1, mosaic_probability=0.0, superclass_probability=0.0)


@pytest.fixture(scope="module")
def glamm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ResTrainable]:
    """A tiny GLaMM, about to be trained."""
    folder = tmp_path_factory.mktemp("models")
    register_glamm(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNRES_MODELS_DIR", str(folder))
        opened = load_backend(CHOICES[GLAMM]).open(None, 1)
        assert isinstance(opened, ResTrainable)
        yield opened


def _mask(size: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(size, np.bool_)
    mask[5:25, 10:40] = True
    return mask


def _batch(place: int, shape: Shape, **changes: float) -> Batch:
    image = ORIGINALS[f"u8.{place}"]
    ledger = Ledger(MemoryStore())
    blob = ledger.put_blob(encode_png(image), "image/png")
    rows = [Triplet("photo", blob, encode_mask(_mask(image.shape[:2])), "the shed", "shed")]
    return Loader(ledger, {"refer_seg": rows}, replace(PLAIN, **changes), shape).batch(0)


@pytest.mark.parametrize(
    ("shape", "size", "whole"),
    [
        (Shape(128), (480, 640), (128, 128)),
        (Shape(1024, 0), (480, 640), (480, 640)),
        (Shape(1024, 0), (2000, 1000), (2000, 1000)),
        (Shape(320, 320), (480, 640), (240, 320)),
        (Shape(1024, 1024), (480, 640), (480, 640)),
    ],
)
def test_the_size_of_a_whole_picture(shape: Shape, size: tuple[int, int], whole: tuple[int, int]) -> None:
    """A square for the micro network; as it is, or as much smaller as was asked for, for the large ones."""
    assert shape.whole(size) == whole


@pytest.mark.parametrize("place", [0, 1])
def test_training_sees_what_the_original_sees(glamm: ResTrainable, place: int) -> None:
    """SAM's and CLIP's pixels of a wide and of a tall photograph, after the loader, are the fixtures'."""
    made = training_batch(glamm.module, glamm._tokens, glamm._words, _batch(place, glamm.shape))
    for name, pixels in (("sam", made.sam_pixels), ("clip", made.clip_pixels)):
        assert np.allclose(pixels[0].numpy(), ORIGINALS[f"{name}.{place}"], atol=1e-6)
    size = ORIGINALS[f"u8.{place}"].shape[:2]
    assert made.resized == [(92, 128) if place == 0 else (128, 96)]
    assert np.array_equal(made.masks[0][0].numpy(), _mask(size))


def test_the_loss_is_taken_without_the_padding(glamm: ResTrainable) -> None:
    """Training's logits are those of inference: of the picture's own size, its padding cut off."""
    made = training_batch(glamm.module, glamm._tokens, glamm._words, _batch(0, glamm.shape))
    vector = torch.randn(1, glamm.module.sizes.out_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features, _ = glamm.module.encode(made.sam_pixels, made.clip_pixels)
        (trained,) = glamm.module.training_logits(made, features, [vector])
        asked = glamm.module.decode_masks(glamm.module.encode_image(ORIGINALS["u8.0"]), vector)
    assert trained.shape == (1, 72, 100) and torch.equal(trained, asked)


def test_a_bound_shrinks_in_proportion() -> None:
    """With the option `side`, the longer side is no more than that."""
    shape = load_backend(choice_with(GLAMM, {"side": 50})).open(None, 1).shape
    batch = _batch(0, shape)
    assert batch.images[0].shape == (36, 50, 3) and batch.masks[0].shape == (36, 50)


def test_mosaics_keep_their_own_layout(glamm: ResTrainable) -> None:
    """They are squares of SAM's own side, whatever their tiles' proportions."""
    batch = _batch(0, glamm.shape, mosaic_probability=1.0)
    assert batch.images[0].shape == (128, 128, 3) and batch.masks[0].shape == (128, 128)
