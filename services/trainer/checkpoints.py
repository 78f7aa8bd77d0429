"""Checkpoints: trained weights, optimizer state, step and log so far, so that a killed training goes on
exactly. What is frozen is not in them: it comes from where it came from.

The pointer `training/<action>/<step>.json` stands outside `runs/`: the same action of another run resumes
from it too. It is written after its blobs; a pointer whose blobs are gone or unreadable is passed over, since
an earlier checkpoint, or none, leads to the same weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from synres.domain.digests import canonical_json
from synres.errors import ArtifactCorrupt, ArtifactMissing
from synres.ledger.ledger import Ledger

SAFETENSORS = "application/safetensors"


class StepLog(msgspec.Struct, frozen=True, omit_defaults=True):
    """One training step, counted from 0. `refusals`: superclass replacements that were drawn but not made.
    `passed_over`: draws whose picture showed none of its expressions; a row without any does not name it."""

    step: int
    loss: float
    learning_rate: float
    refusals: int
    passed_over: int = 0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `step` steps. Tensor names begin with "weights." or "optimizer.<parameter>."."""

    step: int
    tensors: dict[str, Tensor]
    log: list[StepLog]


def save_checkpoint(
    ledger: Ledger,
    action: str,
    step: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    log: list[StepLog],
) -> None:
    """Blobs first, pointer last. `optimizer` must have taken a step."""
    state = ledger.put_blob(save(_tensors(module, optimizer)), SAFETENSORS)
    pointer = {"step": step, "tensors": state.digest, "log": ledger.put_rows(log).digest}
    ledger.store.put(_key(action, step), canonical_json(pointer))


def load_checkpoint(ledger: Ledger, action: str) -> Checkpoint | None:
    """The latest one that can be read."""
    return next(_readable(ledger, action), None)


def checkpoint_at(ledger: Ledger, action: str, step: int) -> Checkpoint:
    """The one after so many steps; raises ArtifactMissing or ArtifactCorrupt."""
    return _read(ledger, _key(action, step))


def drop_checkpoints(ledger: Ledger, action: str) -> None:
    """Removes the pointers; their blobs are left to `synres store gc`."""
    for pointer in list(ledger.store.list(_folder(action))):
        ledger.store.delete(pointer.key)


def restore(checkpoint: Checkpoint, module: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Puts the state back into a model and an optimizer of the same kind."""
    weights, slots = _split(checkpoint.tensors)
    trained = _trained(module)
    with torch.no_grad():
        for name, parameter in trained.items():
            parameter.copy_(weights[name])
    state = optimizer.state_dict()
    likes = list(trained.values())
    # a part without a gradient so far has no slots
    state["state"] = {index: _laid_out(of_one, likes[index]) for index, of_one in slots.items()}
    optimizer.load_state_dict(state)


def _trained(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def _laid_out(slots: dict[str, Tensor], like: Tensor) -> dict[str, Tensor]:
    """Slots in their parameter's memory layout: another layout gives other last bits."""
    return {
        name: torch.empty_like(like).copy_(value) if value.shape == like.shape else value
        for name, value in slots.items()
    }


def _folder(action: str) -> str:
    return f"training/{action}/"


def _key(action: str, step: int) -> str:
    return f"{_folder(action)}{step:08d}.json"


def _readable(ledger: Ledger, action: str) -> Iterator[Checkpoint]:
    for found in sorted(ledger.store.list(_folder(action)), key=lambda stored: stored.key, reverse=True):
        with suppress(ArtifactMissing, ArtifactCorrupt):
            yield _read(ledger, found.key)


def _read(ledger: Ledger, key: str) -> Checkpoint:
    try:
        pointer = json.loads(ledger.store.get(key))
        tensors = load(ledger.get_blob(pointer["tensors"]))
        return Checkpoint(pointer["step"], tensors, ledger.get_rows(pointer["log"], StepLog))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ArtifactCorrupt(f"checkpoint {key} cannot be read: {error}") from error


def _tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    tensors = {f"weights.{name}": part.detach().contiguous() for name, part in _trained(module).items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": value.contiguous() for name, value in slots.items()}
    return tensors


def _split(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[int, dict[str, Tensor]]]:
    weights: dict[str, Tensor] = {}
    slots: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "weights":
            weights[rest] = tensor
        else:
            index, _, slot = rest.partition(".")
            slots.setdefault(int(index), {})[slot] = tensor
    return weights, slots
