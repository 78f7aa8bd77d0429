"""Small trainings of tiny LISA-like models: one picture of two shapes, requests over it, jobs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from services.trainer.backends import load_backend
from services.trainer.work import run_request
from synres.data.images import encode_png
from synres.domain.choice import BackendChoice, Scalar, choose
from synres.domain.masks import encode_mask
from synres.domain.types import Triplet
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import Image, JobStatus, Mask, ShardRequest
from synres.stages.params import TrainParams, encode_params
from synres.stages.train import BASE, TRAIN
from tests.tiny_res import (
    register_glamm,
    register_gsva,
    register_lisa,
    register_lisa_without_encoder,
    register_unmerged_lisa,
)
from tests.trainings import PARAMS, silent

EXPRESSION = "the red circle"
LISA, GSVA, GLAMM = "lisa", "gsva", "glamm"
LISA_BASE, LISA_UNMERGED = "lisa base", "lisa un-merged"
CHOICES = {
    LISA: choose("lisa", "tiny/lisa"),
    GSVA: choose("gsva", "tiny/gsva", {"base": "tiny/gsva-base"}),
    GLAMM: choose("glamm", "tiny/glamm"),
    LISA_BASE: choose("lisa", "tiny/lisa-base", {"sam": "tiny/sam"}),
    LISA_UNMERGED: choose("lisa", "tiny/lisa-unmerged", {"base": "tiny/lisa-base"}),
}
"""A published checkpoint of each family, merged or raw; a LISA before its training, and one within it."""


def register_all(models: Path) -> None:
    """Every model of `CHOICES`, and what it stands on."""
    for register in (register_lisa, register_unmerged_lisa, register_gsva, register_glamm):
        register(models)
    register_lisa_without_encoder(models)


def choice_with(name: str, options: Mapping[str, Scalar]) -> BackendChoice:
    """One of `CHOICES` with more options."""
    choice = CHOICES[name]
    return choose(choice.backend, choice.model, dict(choice.options) | options)


def picture() -> tuple[Image, Mask]:
    """128 x 128: a red circle, which is the mask, and a blue square."""
    y, x = np.mgrid[:128, :128] / 128
    circle = (y - 0.35) ** 2 + (x - 0.3) ** 2 < 0.2**2
    image = np.full((128, 128, 3), (40, 60, 50), np.uint8)
    image[(abs(y - 0.65) < 0.18) & (abs(x - 0.7) < 0.2)] = (40, 80, 230)
    image[circle] = (220, 40, 40)
    return image, circle


def train_request(ledger: Ledger, choice: BackendChoice, **changes: object) -> ShardRequest:
    """From what `choice` names, on the picture alone."""
    params: TrainParams = replace(
        PARAMS, backend=choice.backend, model=choice.model, options=dict(choice.options), weights_input=BASE,
        batch_size=1, learning_rate=5e-3, warmup_steps=5, mosaic_probability=0.0, superclass_probability=0.0,
    )  # fmt: skip
    image, mask = picture()
    blob = ledger.put_blob(encode_png(image), "image/png")
    rows = ledger.put_rows([Triplet("shapes", blob, encode_mask(mask), EXPRESSION)]).digest
    encoded = encode_params(replace(params, **changes))
    digest = load_backend(choice).model.digest
    action = Action(TRAIN.name, TRAIN.version, digest, encoded.decode(), (rows,))
    return ShardRequest(TRAIN.name, action.digest(), (rows,), encoded)


class JobsAtOnce:
    """A JobRunner whose jobs are real, and over when `submit` returns."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def submit(self, request: ShardRequest) -> None:
        run_request(self._ledger, request, silent)

    def status(self, action: str) -> JobStatus:
        return JobStatus("succeeded", 1.0)

    def cancel(self, action: str, run: str = "") -> None:
        """Nothing runs."""

    def log(self, action: str) -> list[str]:
        return []
