"""What a job does: the one place where stage, backend and thread count of a training process meet."""

from __future__ import annotations

import itertools

import torch

from services.trainer.backends import load_backend
from services.trainer.curves import Report, with_curves
from services.trainer.manifest import STAGES
from services.trainer.ranks import meeting
from services.trainer.recipe import assist_training, run_training
from services.trainer.settings import TrainerSettings
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest
from synres.settings import load_settings
from synres.stages.evaluate import run_evaluate_shard
from synres.stages.params import choice_of
from synres.stages.shard import Check
from synres.stages.train import TRAIN

_PICTURES = 50


def run_request(ledger: Ledger, request: ShardRequest, report: Report) -> None:
    """Trains or evaluates, unless the record is there. Uses one thread, so that results repeat.

    Of several processes all train, and the first evaluates.
    """
    torch.set_num_threads(1)
    if request.stage not in STAGES:
        raise InvalidInput(f"the trainer knows the stages {' and '.join(STAGES)}, not {request.stage!r}")
    settings = load_settings(TrainerSettings)
    with meeting() as ranks:
        backend = load_backend(choice_of(request.params))
        if request.stage == TRAIN.name and ranks.is_first:
            with with_curves(report, settings.tensorboard_dir, request.action) as drawn:
                run_training(ledger, backend, request, drawn, ranks, settings.loader_workers)
        elif request.stage == TRAIN.name:
            assist_training(ledger, backend, request, ranks, settings.loader_workers)
        elif ranks.is_first:
            run_evaluate_shard(ledger, backend.segmenter, backend.model, request, _counting(report))


def _counting(report: Report) -> Check:
    """Called before each picture; tells how many there were, now and then."""
    numbers = itertools.count()

    def check() -> None:
        number = next(numbers)
        if number % _PICTURES == 0:
            report(pictures=number, message=f"{number} pictures")

    return check
