"""The gates bite: each usual mistake of a re-implementation turns the comparison red."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from transformers.models.sam.modeling_sam import SamMaskDecoder, SamVisionLayer

from synres.models.lisa import LisaModel
from synres.models.res_load import load_published
from synres.models.res_types import ImageEncoding, ResSizes
from synres.models.sam import Sam
from tests.unit.models.res_parity import Fixture, validate_differences

LISA = Fixture("lisa")


class OneTooFar(LisaModel):
    """Takes the state at [SEG] for the one that predicts it."""

    def seg_vectors(self, states: Tensor, tokens: Tensor) -> list[Tensor]:
        return super().seg_vectors(states, F.pad(tokens[:, :-1], (1, 0)))


class NoFinalNorm(LisaModel):
    def __init__(self, sizes: ResSizes) -> None:
        super().__init__(sizes)
        self.llava.llm.model.norm = _WeightOnly(sizes.llama.hidden_size)


class _WeightOnly(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, states: Tensor) -> Tensor:
        return states


class NoWindowPadding(LisaModel):
    def __init__(self, sizes: ResSizes) -> None:
        super().__init__(sizes)
        encoder = self.sam.vision_encoder
        encoder.layers[0] = _CroppedWindows(encoder.config, sizes.sam.encoder_window_size)


class _CroppedWindows(SamVisionLayer):
    """Leaves out what does not fill a window."""

    def window_partition(self, hidden_states: Tensor, window_size: int) -> tuple[Tensor, tuple[int, int]]:
        height, width = (side - side % window_size for side in hidden_states.shape[1:3])
        return super().window_partition(hidden_states[:, :height, :width], window_size)

    def window_unpartition(
        self,
        windows: Tensor,
        window_size: int,
        padding_shape: tuple[int, int],
        original_shape: tuple[int, int],
    ) -> Tensor:
        inside = super().window_unpartition(windows, window_size, padding_shape, padding_shape)
        rows, columns = (o - p for o, p in zip(original_shape, padding_shape, strict=True))
        return F.pad(inside, (0, 0, 0, columns, 0, rows))


class NoRelativePosition(LisaModel):
    def __init__(self, sizes: ResSizes) -> None:
        super().__init__(sizes)
        for layer in self.sam.vision_encoder.layers:
            layer.attn.use_rel_pos = False


class NoDensePrompt(LisaModel):
    """Leaves `no_mask_embed` out."""

    def __init__(self, sizes: ResSizes) -> None:
        super().__init__(sizes)
        self.sam = _SamWithoutDensePrompt(sizes.sam)


class _SamWithoutDensePrompt(Sam):
    def decode(self, features: Tensor, vectors: Tensor) -> Tensor:
        return super().decode(features - self.prompt_encoder.no_mask_embed.weight[0, :, None, None], vectors)


class OtherMaskToken(LisaModel):
    def __init__(self, sizes: ResSizes) -> None:
        super().__init__(sizes)
        self.sam.mask_decoder = _DecoderOfTokenOne(self.sam.mask_decoder.config)


class _DecoderOfTokenOne(SamMaskDecoder):
    def forward(self, *, multimask_output: bool, **inputs: Tensor) -> tuple[Tensor, Tensor]:
        assert not multimask_output
        masks, scores = super().forward(**inputs, multimask_output=True)
        return masks[:, :, :1], scores[:, :, :1]


class SwappedResize(LisaModel):
    def decode_masks(self, encoding: ImageEncoding, vectors: Tensor) -> Tensor:
        return super().decode_masks(replace(encoding, resized=encoding.resized[::-1]), vectors)


def _load(family: type[LisaModel], select_layer: int = -2) -> LisaModel:
    sizes = replace(LISA.sizes("lisa_merged_hf/config"), select_layer=select_layer)
    return load_published(family, sizes, LISA.weights("lisa_merged_hf/pytorch_model.bin"), LISA.clip).eval()


MISTAKES: dict[str, Callable[[], LisaModel]] = {
    "hidden state one position late": lambda: _load(OneTooFar),
    "last layer of CLIP": lambda: _load(LisaModel, select_layer=-1),
    "no final norm": lambda: _load(NoFinalNorm),
    "no window padding": lambda: _load(NoWindowPadding),
    "no relative position": lambda: _load(NoRelativePosition),
    "no no_mask_embed": lambda: _load(NoDensePrompt),
    "mask token 1": lambda: _load(OtherMaskToken),
    "swapped resize": lambda: _load(SwappedResize),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_usual_mistake_turns_the_gate_red(mistake: str) -> None:
    """Its masks are far from the original's, by logits and not only by a flipped pixel."""
    found = validate_differences(MISTAKES[mistake](), LISA)
    assert any(line.startswith("mask_logits: off by") for line in found)
