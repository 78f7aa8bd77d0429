"""The micro RES network as a Trainable."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from services.trainer.trainable import Batch, Shape
from synres.domain.digests import digest_bytes, digest_json
from synres.domain.types import Expression, ModelInfo
from synres.errors import InvalidInput
from synres.models.micro import BASE, WEIGHTS, MicroRes, load_micro_res, save_micro_res
from synres.models.micro_predict import WORKING_SIDE, predict
from synres.models.scoring import scored_mask
from synres.ports import Image, ScoredMask

_CODE_VERSION = 1


class MicroBackend:
    def __init__(self) -> None:
        shipped = (WEIGHTS / BASE).read_bytes() if (WEIGHTS / BASE).is_file() else b""
        digest = digest_json(["micro-trainer", _CODE_VERSION, digest_bytes(shipped)])
        self.model = ModelInfo("micro", digest, "Apache-2.0", bitwise=True)

    def open(self, weights: bytes | None, seed: int = 0) -> MicroTrainable:
        """Raises as `load_micro_res` does. Nothing is drawn."""
        return MicroTrainable(load_micro_res(weights))

    def scratch(self, seed: int) -> MicroTrainable:
        torch.manual_seed(seed)
        return MicroTrainable(MicroRes().to(memory_format=torch.channels_last))

    def segmenter(self, weights: bytes) -> MicroEvaluated:
        return MicroEvaluated(load_micro_res(weights), self.model)


class MicroTrainable:
    shape = Shape(WORKING_SIDE)
    needs_target = False

    def __init__(self, network: MicroRes) -> None:
        self.module = network

    def loss(self, batch: Batch) -> Tensor:
        if any(asked.is_talk for asked in batch.asked()):
            raise InvalidInput("the micro network answers no questions: give vqa the ratio 0 in the mixture")
        images = torch.from_numpy(np.stack(batch.images)).permute(0, 3, 1, 2).float() / 255
        images = images.contiguous(memory_format=torch.channels_last)
        words = self.module.tokenize(batch.expressions)
        logits = self.module(images, words, torch.from_numpy(batch.owners))
        return self.module.loss(logits, torch.from_numpy(np.stack(batch.masks) > 0).float())

    def weights(self) -> bytes:
        return save_micro_res(self.module)


class MicroEvaluated:
    def __init__(self, network: MicroRes, model: ModelInfo) -> None:
        self._network, self.model = network, model

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """Masks at probability 0.5; the score is the mean probability inside the mask, 0 for an empty one."""
        return [scored_mask(chance) for chance in predict(self._network.chances, image, expressions)]
