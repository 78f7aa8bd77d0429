"""LISA, GSVA and GLaMM as Trainables: what the three have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from services.trainer.trainable import Asked, Batch, Shape
from synres.domain.choice import BackendChoice
from synres.domain.digests import digest_json
from synres.errors import InvalidInput
from synres.models.conversations import Conversation, collate, plain_conversation, text_limit
from synres.models.devices import torch_device
from synres.models.folders import model_info
from synres.models.gsva import GsvaModel
from synres.models.llama_tokens import LlamaTokens
from synres.models.res_families import DEFAULT_MODELS, ResFamily
from synres.models.res_folders import CODE_VERSION as SEGMENTER_VERSION
from synres.models.res_folders import open_res
from synres.models.res_image import clip_pixels, resized_size, sam_pixels
from synres.models.res_model import ResModel
from synres.models.res_open import find_res
from synres.models.res_segmenter import ResSegmenter
from synres.models.res_training import save_trained
from synres.models.res_tuning import TuningOptions, check_tuning, open_for_training
from synres.models.res_types import TrainingBatch
from synres.ports import Image, Mask

_CODE_VERSION = 2

Words = Callable[[Sequence[Asked], np.random.Generator], list[Conversation]]
"""Expressions of one picture -> its conversations, wordings drawn."""


class ResBackend:
    """Reads no weights before it is asked for a model."""

    def __init__(
        self, choice: BackendChoice, family: ResFamily, options: TuningOptions, words: Words
    ) -> None:
        check_tuning(options)
        self._choice, self._family, self._options, self._words = choice, family, options, words
        self._parts = find_res(choice.model or DEFAULT_MODELS[choice.backend], family, options)
        info = model_info(choice.backend, SEGMENTER_VERSION, *self._parts.folders)
        self.model = replace(info, digest=digest_json([info.digest, "trainer", _CODE_VERSION]))

    def open(self, weights: bytes | None, seed: int) -> ResTrainable:
        """Raises as `open_for_training` does."""
        network = open_for_training(self._parts, self._options, weights, seed)
        return ResTrainable(network.to(torch_device()), self._parts.tokens, self._options, self._words)

    def scratch(self, seed: int) -> ResTrainable:
        raise InvalidInput(
            f"backend {self._choice.backend} does not start from scratch: say start: base, and name the base"
            " or a published checkpoint as the arm's model"
        )

    def segmenter(self, weights: bytes) -> ResSegmenter:
        """Raises as `open_res` does."""
        return open_res(self._choice, self._family, self._options, weights)


class ResTrainable:
    def __init__(self, network: ResModel, tokens: LlamaTokens, options: TuningOptions, words: Words) -> None:
        self.module = network
        self.shape = Shape(options.side or network.sizes.sam.image_size, options.side)
        self.needs_target = isinstance(network, GsvaModel)
        self._tokens, self._words = tokens, words
        self._half = options.precision == "bf16"

    def loss(self, batch: Batch) -> Tensor:
        """Of tokens and masks, weighed as in the originals."""
        with torch.autocast(self.module.device.type, torch.bfloat16, enabled=self._half):
            total: Tensor = self.module(training_batch(self.module, self._tokens, self._words, batch)).total
        return total

    def weights(self) -> bytes:
        """As un-merged checkpoints name the trained parts."""
        return save_trained(self.module)


def training_batch(network: ResModel, tokens: LlamaTokens, words: Words, batch: Batch) -> TrainingBatch:
    """What the network takes of a batch, on its device; a picture without expressions is left out.

    Raises InvalidInput for an expression that is too long to be answered.
    """
    device, sizes = network.device, network.sizes
    generator = np.random.default_rng(batch.seed)
    places = [np.flatnonzero(batch.owners == owner) for owner in np.unique(batch.owners)]
    everything = batch.asked()
    asked = [_conversations([everything[k] for k in of_one], words, generator) for of_one in places]
    room = min(tokens.max_length, sizes.llama.max_position_embeddings)
    limit = text_limit(tokens, network.clip.patches, room)
    rows = collate(asked, tokens, limit, may_cut_answers=batch.is_original and network.drops_targets)
    images = [batch.images[int(batch.owners[of_one[0]])] for of_one in places]
    return TrainingBatch(
        sam_pixels=torch.stack([sam_pixels(image, sizes.sam.image_size) for image in images]),
        clip_pixels=torch.stack([clip_pixels(image, sizes.clip.image_size) for image in images]),
        resized=[resized_size(image.shape[:2], sizes.sam.image_size) for image in images],
        input_ids=rows.input_ids.to(device),
        labels=rows.labels.to(device),
        attended=rows.attention_mask.to(device),
        offset=rows.offset.tolist(),
        masks=[
            _stacked([batch.masks[k] for k in _segmented(of_one, batch, of_picture)], image).to(device)
            for of_one, of_picture, image in zip(places, asked, images, strict=True)
        ],
    )


def _stacked(masks: Sequence[Mask | NDArray[np.uint8]], image: Image) -> Tensor:
    """(n, H, W) float32; n may be 0."""
    return torch.from_numpy(np.array(masks, np.float32).reshape(-1, *image.shape[:2]))


def _conversations(asked: list[Asked], words: Words, rng: np.random.Generator) -> list[Conversation]:
    talks = [plain_conversation(each.manner.turns) for each in asked if each.is_talk]
    others = [each for each in asked if not each.is_talk]
    return [*talks, *(words(others, rng) if others else [])]


def _segmented(of_one: NDArray[np.int64], batch: Batch, conversations: Sequence[Conversation]) -> list[int]:
    """A picture's expressions that its conversations answer with a mask: one in words alone has none."""
    answered = {expression for conversation in conversations for expression in conversation.expressions}
    return [int(k) for k in of_one if batch.expressions[k] in answered]
