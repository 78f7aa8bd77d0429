"""The training, from rows to weights: one file, read from top to bottom.

Every number that a step needs is a function of (params, inputs, step), so a training that was killed and
resumed ends with the same weights, bit for bit, on one CPU type with one thread and as many processes. The
pictures of a step and what is drawn for them are the same for any number of processes, and so is the loss up
to the rounding of sums.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from services.trainer.checkpoints import (
    SAFETENSORS,
    StepLog,
    checkpoint_at,
    drop_checkpoints,
    load_checkpoint,
    restore,
    save_checkpoint,
)
from services.trainer.curves import Report
from services.trainer.loader import Loader
from services.trainer.ranks import Ranks, unshared
from services.trainer.trainable import Batch, Trainable, TrainableBackend
from synres.data.ahead import ahead
from synres.domain.seeds import derive_seed
from synres.errors import InvalidInput, TrainingFailed
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.stages.params import TrainParams, decode_params
from synres.stages.shard import Computed, action_of, run_shard
from synres.stages.train import FROM_SCRATCH, TRAIN, starting_weights, training_rows

ALONE = Ranks()


def run_training(
    ledger: Ledger, backend: TrainableBackend, request: ShardRequest, report: Report, ranks: Ranks = ALONE,
    loader_workers: int = 0,
) -> ShardResult:  # fmt: skip
    """Rows of triplets -> "weights" (safetensors) and "log" (rows of StepLog); for the first process.

    `loader_workers` threads make batches ahead of their steps, 0: none; they change no result.
    Raises TrainingFailed when loss or gradient are not finite, MixturePartEmpty, InvalidInput, and the
    store's errors; the last checkpoint stays in each case.
    """
    params = decode_params(request.params, TrainParams)

    def work() -> Computed:
        model, computed = _starting_model(ledger, backend, request, params), Computed()
        with computed.busy(next(model.module.parameters())):
            log = _train(ledger, model, request, params, report, ranks, loader_workers)
        computed.counts = {"steps": len(log), "refusals": sum(row.refusals for row in log)}
        if passed_over := sum(row.passed_over for row in log):
            computed.counts["passed_over_without_target"] = passed_over
        weights = ledger.put_blob(model.weights(), SAFETENSORS)
        computed.outputs = {"weights": weights.digest, "log": ledger.put_rows(log).digest}
        return computed

    ranks.agreed(_is_done(ledger, request))
    result = run_shard(ledger, TRAIN, backend.model, request, work)
    drop_checkpoints(ledger, request.action)
    return result


def assist_training(
    ledger: Ledger, backend: TrainableBackend, request: ShardRequest, ranks: Ranks, loader_workers: int = 0
) -> None:
    """What the other processes of a training do: they compute along, and write and say nothing.

    Raises as `run_training`.
    """
    params = decode_params(request.params, TrainParams)
    action_of(TRAIN, backend.model, request)
    if not ranks.agreed(_is_done(ledger, request)):
        model = _starting_model(ledger, backend, request, params)
        _train(ledger, model, request, params, _unheard, ranks, loader_workers)


def _is_done(ledger: Ledger, request: ShardRequest) -> bool:
    return ledger.find_record(TRAIN.name, request.action) is not None


def _unheard(**facts: float | str) -> None:
    """The first process speaks for all."""


def _train(
    ledger: Ledger, model: Trainable, request: ShardRequest, params: TrainParams, report: Report,
    ranks: Ranks, loader_workers: int,
) -> list[StepLog]:  # fmt: skip
    if not params.steps:
        return []
    slices = slices_of(params, ranks)
    rows = training_rows(ledger, request, params)
    loader = Loader(ledger, rows, params, model.shape, model.needs_target)
    trained = [parameter for parameter in model.module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=params.learning_rate, betas=params.adam_betas, weight_decay=params.weight_decay
    )
    log = _resumed(ledger, request, model, optimizer, ranks)
    model.module.train()
    network = ranks.joined(_Losses(model))
    own = ranks.share(slices)
    places = ((step, place, slices) for step in range(len(log), params.steps) for place in own)
    batches = ahead(lambda place: loader.batch(*place), places, loader_workers)
    for step in range(len(log), params.steps):
        loss, *counted = _gradients(network, batches, optimizer, params, step, slices, ranks)
        norm = nn.utils.clip_grad_norm_(trained, params.clip_norm or math.inf).item()
        _require_finite(loss, norm, step)
        rate = learning_rate(params, step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        log.append(StepLog(step, loss, rate, *counted))
        report(
            done=step + 1, whole=params.steps, loss=loss, learning_rate=rate, gradient_norm=norm,
            refusals=counted[0], message=f"loss {loss:.3f}",
        )  # fmt: skip
        if (step + 1) % params.checkpoint_every == 0 and step + 1 < params.steps and ranks.is_first:
            save_checkpoint(ledger, request.action, step + 1, model.module, optimizer, log)
    return log


def slices_of(params: TrainParams, ranks: Ranks) -> int:
    """In how many slices a step's pictures are computed, by all processes together; raises InvalidInput."""
    slices, rest = divmod(params.batch_size, params.micro_batch_size or params.batch_size)
    if rest:
        raise InvalidInput(
            f"batch_size {params.batch_size} is no multiple of micro_batch_size {params.micro_batch_size}"
        )
    if not params.micro_batch_size and params.batch_size % ranks.world == 0:
        slices = ranks.world
    if slices % ranks.world:
        raise InvalidInput(
            f"{ranks.world} processes cannot share a batch of {params.batch_size} pictures evenly: let"
            " batch_size be a multiple of micro_batch_size times the number of processes"
        )
    return slices


def _resumed(
    ledger: Ledger, request: ShardRequest, model: Trainable, optimizer: torch.optim.Optimizer, ranks: Ranks
) -> list[StepLog]:
    """From the checkpoint that the first process finds; empty where there is none."""
    found = load_checkpoint(ledger, request.action) if ranks.is_first else None
    step = ranks.agreed(found.step if found else 0)
    if not step:
        return []
    checkpoint = found or checkpoint_at(ledger, request.action, step)
    restore(checkpoint, model.module, optimizer)
    return checkpoint.log


class _Losses(nn.Module):
    """Batch -> loss by the forward pass of a module, which is where processes begin to share gradients."""

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.module = model.module
        self._loss = model.loss

    def forward(self, batch: Batch) -> Tensor:
        return self._loss(batch)


def _gradients(
    network: nn.Module, batches: Iterator[Batch], optimizer: torch.optim.Optimizer, params: TrainParams,
    step: int, slices: int, ranks: Ranks,
) -> tuple[float, int, int]:  # fmt: skip
    """Leaves the gradient of the step's mean loss, slice by slice; returns that loss, the refusals, and the
    draws that were passed over."""
    own = ranks.share(slices)
    losses, refusals, passed_over = 0.0, 0, 0
    optimizer.zero_grad()
    for place in own:
        # one slice alone draws as a step did before there were slices
        torch.manual_seed(derive_seed(params.seed, "train", step, *([place] if slices > 1 else [])))
        batch = next(batches)
        with nullcontext() if place == own[-1] else unshared(network):
            loss = network(batch)
            (loss / len(own)).backward()
        losses, refusals = losses + loss.item(), refusals + batch.refusals
        passed_over += batch.passed_over
    total, *counted = ranks.totals([losses, refusals, passed_over])
    return total / slices, int(counted[0]), int(counted[1])


def _require_finite(loss: float, norm: float, step: int) -> None:
    for name, value in (("loss", loss), ("norm of the gradient", norm)):
        if not math.isfinite(value):
            raise TrainingFailed(
                f"the {name} is {value} at step {step}: lower learning_rate or raise warmup_steps"
            )


def learning_rate(params: TrainParams, step: int) -> float:
    """Rises over `warmup_steps`, then falls as `decay` says; the last step is just above nought."""
    if step < params.warmup_steps:
        return params.learning_rate * (step + 1) / params.warmup_steps
    share = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    if params.decay == "linear":
        return params.learning_rate * (1 - share)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def _starting_model(
    ledger: Ledger, backend: TrainableBackend, request: ShardRequest, params: TrainParams
) -> Trainable:
    if params.weights_input == FROM_SCRATCH:
        return backend.scratch(derive_seed(params.seed, "scratch"))
    weights = starting_weights(ledger, request, params)
    return backend.open(weights, derive_seed(params.seed, "new parts"))
