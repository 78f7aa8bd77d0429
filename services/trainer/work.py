"""What a job does: the one place where stage, backend and thread count of a training process meet."""

from __future__ import annotations

import itertools

import torch

from services.trainer.backends import load_backend
from services.trainer.recipe import Report, run_training
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.stages.evaluate import EVALUATE, run_evaluate_shard
from synres.stages.params import choice_of
from synres.stages.shard import Check
from synres.stages.train import TRAIN

_PICTURES = 50


def run_request(ledger: Ledger, request: ShardRequest, report: Report) -> ShardResult:
    """Trains or evaluates, or answers from the record. Uses one thread, so that results repeat."""
    torch.set_num_threads(1)
    backend = load_backend(choice_of(request.params))
    if request.stage == TRAIN.name:
        return run_training(ledger, backend, request, report)
    if request.stage == EVALUATE.name:
        return run_evaluate_shard(ledger, backend.segmenter, backend.model, request, _counting(report))
    raise InvalidInput(f'the trainer knows the stages "train" and "evaluate", not "{request.stage}"')


def _counting(report: Report) -> Check:
    """Called before each picture; tells how many there were, now and then."""
    numbers = itertools.count()

    def check() -> None:
        number = next(numbers)
        if number % _PICTURES == 0:
            report(pictures=number, message=f"{number} pictures")

    return check
