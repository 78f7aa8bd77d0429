"""The training, from rows to weights: one file, read from top to bottom.

Every number that a step needs is a function of (params, inputs, step), so a training that was killed and
resumed ends with the same weights, bit for bit, on one CPU type with one thread.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from services.trainer.checkpoints import (
    SAFETENSORS,
    StepLog,
    drop_checkpoints,
    load_checkpoint,
    restore,
    save_checkpoint,
)
from services.trainer.loader import Loader
from services.trainer.trainable import Trainable, TrainableBackend
from synres.domain.seeds import derive_seed
from synres.errors import TrainingFailed
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.stages.params import TrainParams, decode_params
from synres.stages.shard import Computed, run_shard
from synres.stages.train import FROM_SCRATCH, TRAIN, starting_weights, training_rows

Report = Callable[..., None]
"""Called by name with `done` of `whole` steps, the loss, and a `message` for people."""


def run_training(
    ledger: Ledger, backend: TrainableBackend, request: ShardRequest, report: Report
) -> ShardResult:
    """Rows of triplets -> "weights" (safetensors) and "log" (rows of StepLog).

    Raises TrainingFailed when the loss is not finite, MixturePartEmpty, and the store's errors; the last
    checkpoint stays in each case.
    """
    params = decode_params(request.params, TrainParams)

    def work() -> Computed:
        model, computed = _starting_model(ledger, backend, request, params), Computed()
        with computed.busy(next(model.module.parameters())):
            log = _train(ledger, model, request, params, report) if params.steps else []
        computed.counts = {"steps": len(log), "refusals": sum(row.refusals for row in log)}
        weights = ledger.put_blob(model.weights(), SAFETENSORS)
        computed.outputs = {"weights": weights.digest, "log": ledger.put_rows(log).digest}
        return computed

    result = run_shard(ledger, TRAIN, backend.model, request, work)
    drop_checkpoints(ledger, request.action)
    return result


def _train(
    ledger: Ledger, model: Trainable, request: ShardRequest, params: TrainParams, report: Report
) -> list[StepLog]:
    loader = Loader(ledger, training_rows(ledger, request, params), params, model.side)
    trained = [parameter for parameter in model.module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=params.learning_rate, weight_decay=params.weight_decay)
    log: list[StepLog] = []
    checkpoint = load_checkpoint(ledger, request.action)
    if checkpoint is not None:
        restore(checkpoint, model.module, optimizer)
        log = checkpoint.log
    model.module.train()
    for step in range(len(log), params.steps):
        log.append(_step(model, loader, optimizer, params, step))
        loss = log[-1].loss
        report(done=step + 1, whole=params.steps, loss=loss, message=f"loss {loss:.3f}")
        if (step + 1) % params.checkpoint_every == 0 and step + 1 < params.steps:
            save_checkpoint(ledger, request.action, step + 1, model.module, optimizer, log)
    return log


def _step(
    model: Trainable, loader: Loader, optimizer: torch.optim.Optimizer, params: TrainParams, step: int
) -> StepLog:
    torch.manual_seed(derive_seed(params.seed, "train", step))
    batch = loader.batch(step)
    loss = model.loss(batch)
    if not math.isfinite(loss.item()):
        raise TrainingFailed(
            f"the loss is {loss.item()} at step {step}: lower learning_rate or raise warmup_steps"
        )
    rate = learning_rate(params, step)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    if params.clip_norm:
        nn.utils.clip_grad_norm_(model.module.parameters(), params.clip_norm)
    optimizer.step()
    return StepLog(step, loss.item(), rate, batch.refusals)


def learning_rate(params: TrainParams, step: int) -> float:
    """Rises over `warmup_steps`, then falls along a half cosine; the last step is just above nought."""
    if step < params.warmup_steps:
        return params.learning_rate * (step + 1) / params.warmup_steps
    share = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def _starting_model(
    ledger: Ledger, backend: TrainableBackend, request: ShardRequest, params: TrainParams
) -> Trainable:
    if params.weights_input == FROM_SCRATCH:
        return backend.scratch(derive_seed(params.seed, "scratch"))
    weights = starting_weights(ledger, request, params)
    return backend.open(weights, derive_seed(params.seed, "new parts"))
