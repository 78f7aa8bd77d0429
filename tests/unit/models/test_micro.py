"""The micro RES network: shapes, determinism, files, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save

from services.segmenter.backends.micro import MicroSegmenter
from synres.errors import ArtifactCorrupt
from synres.microworld.datasets import real_validation
from synres.microworld.vocabulary import WORDS
from synres.models.micro import MicroRes, load_micro_res, save_micro_res
from synres.models.micro_predict import predict
from synres.models.micro_words import BUCKETS, MAX_WORDS, word_ids

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def base() -> MicroRes:
    return load_micro_res(None)


def test_size(base: MicroRes) -> None:
    """About 0.43 million parameters."""
    assert sum(p.numel() for p in base.parameters()) == pytest.approx(430_000, rel=0.05)


def test_micro_words_have_buckets_of_their_own() -> None:
    """No two words of the micro world share a bucket."""
    assert len({word_ids(word)[0] for word in WORDS}) == len(WORDS)


@given(st.text(max_size=200))
def test_any_text_has_ids(text: str) -> None:
    """Every text gives 1 to 12 ids of words, none of them padding."""
    ids = word_ids(text)
    assert 1 <= len(ids) <= MAX_WORDS
    assert all(0 < number < BUCKETS for number in ids)


def test_padding_changes_nothing(base: MicroRes) -> None:
    """A short expression gives the same logits beside a long one as alone."""
    images = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        alone = base(images, base.tokenize(["the star"]))
        ids = base.tokenize(["the star", "the small red striped star"])
        together = base(images, ids, torch.tensor([0, 0]))
    assert torch.allclose(alone[0], together[0], atol=1e-4)


@pytest.mark.parametrize("size", [(48, 48), (96, 96), (375, 500), (1, 4000), (33, 70)])
def test_any_picture_size(base: MicroRes, size: tuple[int, int]) -> None:
    """Probabilities come at the picture's own size."""
    image = np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)
    chances = predict(base.chances, image, ["the red star", "a bottle"])
    assert chances.shape == (2, *size)
    assert 0 <= chances.min() <= chances.max() <= 1


def test_no_expressions(base: MicroRes) -> None:
    """No expressions, no masks."""
    assert predict(base.chances, np.zeros((96, 96, 3), np.uint8), []).shape == (0, 96, 96)


def test_weights_survive_the_file(base: MicroRes) -> None:
    """Saving what was loaded gives the same bytes again."""
    data = save_micro_res(base)
    assert save_micro_res(load_micro_res(data)) == data


@pytest.mark.parametrize("data", [b"", b"not safetensors", save_micro_res(MicroRes())[:-4]])
def test_other_bytes_are_refused(data: bytes) -> None:
    """Bytes that are not this network's weights raise ArtifactCorrupt."""
    with pytest.raises(ArtifactCorrupt, match="not weights of the micro RES network"):
        load_micro_res(data)


def test_weights_of_another_network_are_told_in_a_sentence(base: MicroRes) -> None:
    """Names that are missing are counted, not listed, and a tensor of another shape is one line."""
    state = load(save_micro_res(base))
    del state["text.words.weight"]
    with pytest.raises(ArtifactCorrupt, match=r"1 tensors are missing or another network's") as caught:
        load_micro_res(save(state))
    assert len(caught.value.message) < 200
    state = load(save_micro_res(base)) | {"text.words.weight": torch.zeros(2, 2)}
    with pytest.raises(ArtifactCorrupt, match=r"size mismatch for text\.words\.weight") as caught:
        load_micro_res(save(state))
    assert "\n" not in caught.value.message


def test_a_few_steps_lower_the_loss() -> None:
    """Twenty steps on one picture take a quarter off the loss: gradients reach the network."""
    torch.manual_seed(0)
    model = MicroRes()
    picture = next(p for p in real_validation(0, 5) if len(p.expressions) > 1)
    images = torch.from_numpy(picture.image).permute(2, 0, 1)[None].float() / 255
    masks = torch.from_numpy(np.stack([e.mask for e in picture.expressions])).float()
    ids = model.tokenize([e.expression for e in picture.expressions])
    owners = torch.zeros(len(masks), dtype=torch.long)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(20):
        loss = model.loss(model(images, ids, owners), masks)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.75 * losses[0]


def test_segmenter_is_bitwise_and_knows_its_world() -> None:
    """Two segmenters give the same bytes; the shipped base finds real targets: mean IoU above a half."""
    first, second = MicroSegmenter(), MicroSegmenter()
    assert first.model == second.model
    ious = []
    for picture in real_validation(3, 30):
        texts = [e.expression for e in picture.expressions]
        ours, theirs = first.segment(picture.image, texts), second.segment(picture.image, texts)
        for one, other, exact in zip(ours, theirs, picture.expressions, strict=True):
            assert one.score == other.score
            assert np.array_equal(one.mask, other.mask)
            assert 0 <= one.score <= 1
            ious.append((one.mask & exact.mask).sum() / (one.mask | exact.mask).sum())
    assert np.mean(ious) > 0.5


def test_trained_weights_are_another_model(base: MicroRes) -> None:
    """A segmenter with other weights has another digest."""
    torch.manual_seed(1)
    assert MicroSegmenter(save_micro_res(MicroRes())).model.digest != MicroSegmenter().model.digest
