"""CHECKPOINT of `synres evaluate`: an arm of a run, weights by digest, or a model by name or folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from synres.domain.choice import BackendChoice, Scalar, choose
from synres.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from synres.domain.types import ModelInfo
    from synres.ports import ArtifactStore, Segmenter

FORMS = "RUN:ARM, the digest of weights, or a model of `synres models list` by name or folder"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`weights` is a blob's digest, "" for the model's own. `label` is what was asked for."""

    label: str
    choice: BackendChoice
    weights: str = ""


def find_checkpoint(
    text: str, store: ArtifactStore, backend: str, options: Mapping[str, Scalar]
) -> Checkpoint:
    """`backend` is for weights by digest, whose file does not say; `options` go over those of an arm.

    Raises NotFound for what is not there, InvalidInput for what is no checkpoint.
    """
    if _DIGEST.fullmatch(text):
        return Checkpoint(text, choose(backend, "", options), _checked(store, text))
    if ":" in text:
        return _arm(text, store, options)
    name = _name_in(Path(text)) if Path(text).is_dir() else text
    return Checkpoint(text, choose(_backend_of(name), "" if name == "micro" else name, options))


def open_checkpoint(checkpoint: Checkpoint) -> tuple[ModelInfo, Callable[[bytes], Segmenter]]:
    """The model behind it, and what makes a segmenter of its weights; raises as the backends do."""
    if checkpoint.weights:
        from services.trainer.evaluated import evaluated_backend

        backend = evaluated_backend(checkpoint.choice)
        return backend.model, backend.segmenter
    from services.segmenter.backends import load_backend

    segmenter = load_backend(checkpoint.choice)
    return segmenter.model, lambda no_weights: segmenter


def _arm(text: str, store: ArtifactStore, options: Mapping[str, Scalar]) -> Checkpoint:
    from services.coordinator.plan import spec_of
    from services.coordinator.run import status
    from synres.domain.choice import nearest
    from synres.ledger.run_names import find_run
    from synres.ledger.runs import RunFolder

    name, _, arm = text.rpartition(":")
    run = find_run(store, name)
    arms = spec_of(RunFolder(store, run)).method.arms
    if arm not in arms:
        known = nearest(arm, arms) or f"; there is {', '.join(arms) or 'none'}"
        raise NotFound(f"run {run} has no arm {arm!r}{known}")
    record = status(store, run).records.get(f"train/{arm}")
    if record is None:
        raise NotFound(f"arm {arm} of run {run} is not trained yet: run its spec, or `synres train` it")
    choice = arms[arm].choice
    merged = replace(choice, options=choose("x", "", dict(choice.options) | dict(options)).options)
    return Checkpoint(text, merged, record.outputs["weights"])


def _checked(store: ArtifactStore, digest: str) -> str:
    from synres.ledger.ledger import Ledger

    if not Ledger(store).has_blob(digest):
        raise NotFound(f"weights {digest} are not in {store.url}")
    return digest


def _backend_of(name: str) -> str:
    from synres.models.catalogue import KNOWN
    from synres.models.folders import list_folders

    here = list_folders()
    if name not in here and name not in KNOWN:
        raise NotFound(f"{name!r} is no checkpoint: give {FORMS}")
    return here[name].backend if name in here else KNOWN[name].backend


def _name_in(folder: Path) -> str:
    from synres.models.folders import MANIFEST, folder_of, read_manifest

    if not (folder / MANIFEST).is_file():
        raise InvalidInput(f"{folder} holds no {MANIFEST}: bring it in with `synres models pull NAME --from`")
    name = read_manifest(folder).name
    if folder.resolve() != folder_of(name).resolve():
        raise InvalidInput(
            f"model {name} is looked for in {folder_of(name)}: `synres models pull {name} --from {folder}`"
        )
    return name
