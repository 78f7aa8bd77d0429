"""What happens within a step of a training: slices, clipping, loader threads, and a loss that breaks."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from services.trainer.backends.micro import MicroBackend, MicroTrainable
from services.trainer.checkpoints import StepLog, load_checkpoint
from services.trainer.curves import Report
from services.trainer.loader import Loader
from services.trainer.recipe import run_training
from services.trainer.trainable import Batch
from synres.domain.seeds import derive_seed
from synres.errors import TrainingFailed
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest
from synres.stages.params import TrainParams, decode_params
from synres.stages.train import training_rows
from tests.fakes import MemoryStore
from tests.trainings import silent, train_request


def _trained(ledger: Ledger, request: ShardRequest, **options: Any) -> tuple[str, list[StepLog]]:
    outputs = run_training(ledger, MicroBackend(), request, silent, **options).outputs
    return outputs["weights"], ledger.get_rows(outputs["log"], StepLog)


def test_loader_threads_change_no_result() -> None:
    """Batches made ahead by none or by three threads end in the same weights."""
    results = []
    for workers in (0, 3):
        ledger = Ledger(MemoryStore())
        results.append(_trained(ledger, train_request(ledger, steps=3), loader_workers=workers))
    assert results[0] == results[1]


def test_slices_add_up_to_the_step(ledger: Ledger) -> None:
    """Two slices of two pictures: loss and gradient of the step are the means of theirs."""
    request = train_request(ledger, steps=1, batch_size=4, micro_batch_size=2, clip_norm=0.0)
    told: dict[str, float] = {}
    run_training(ledger, MicroBackend(), request, lambda **facts: told.update(facts))  # type: ignore[arg-type]
    params = decode_params(request.params, TrainParams)
    model = MicroBackend().scratch(derive_seed(params.seed, "scratch"))
    loader = Loader(ledger, training_rows(ledger, request, params), params, model.shape)
    model.module.train()
    losses = []
    for place in range(2):
        torch.manual_seed(derive_seed(params.seed, "train", 0, place))
        loss = model.loss(loader.batch(0, place, 2))
        (loss / 2).backward()
        losses.append(loss.item())
    norms = [part.grad.norm() for part in model.module.parameters() if part.grad is not None]
    assert told["loss"] == pytest.approx(sum(losses) / 2, rel=1e-6)
    assert told["gradient_norm"] == pytest.approx(torch.stack(norms).norm().item(), rel=1e-5)


def test_the_gradient_is_clipped(ledger: Ledger) -> None:
    """After one step the optimizer's first moments are those of a gradient of the bound's norm."""
    bound = 0.01
    request = train_request(ledger, steps=3, clip_norm=bound, checkpoint_every=1)
    norms: list[float] = []
    with pytest.raises(KeyboardInterrupt):
        run_training(ledger, MicroBackend(), request, _until(2, norms))
    found = load_checkpoint(ledger, request.action)
    assert found is not None and found.step == 1 and norms[0] > bound
    moments = [tensor for name, tensor in found.tensors.items() if name.endswith(".exp_avg")]
    beta = decode_params(request.params, TrainParams).adam_betas[0]
    assert torch.stack([m.norm() for m in moments]).norm().item() == pytest.approx(
        (1 - beta) * bound, rel=1e-3
    )


def test_a_loss_that_breaks_leaves_the_last_checkpoint(ledger: Ledger) -> None:
    """The step and the mend are named; from the checkpoint, a sound training ends as if nothing had been."""
    request = train_request(ledger)
    with pytest.raises(TrainingFailed, match="the loss is nan at step 4: lower learning_rate"):
        run_training(ledger, _Breaking(), request, silent)
    found = load_checkpoint(ledger, request.action)
    assert found is not None and found.step == 4
    sound = Ledger(MemoryStore())
    assert _trained(ledger, request) == _trained(sound, train_request(sound))


class _Breaking(MicroBackend):
    """Its loss is no number from the fifth step on."""

    def scratch(self, seed: int) -> MicroTrainable:
        return _BreakingTrainable(super().scratch(seed).module)


class _BreakingTrainable(MicroTrainable):
    done = 0

    def loss(self, batch: Batch) -> Tensor:
        self.done += 1
        return super().loss(batch) * (math.nan if self.done > 4 else 1.0)


def _until(step: int, norms: list[float]) -> Report:
    def report(done: int, gradient_norm: float, **facts: float | str) -> None:
        norms.append(gradient_norm)
        if done == step:
            raise KeyboardInterrupt

    return report
