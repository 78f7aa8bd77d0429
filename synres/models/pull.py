"""Brings a model into the models folder, from the hub or from a folder: whole and checked, or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from synres.errors import BackendUnavailable, InvalidInput
from synres.models.catalogue import KNOWN
from synres.models.folders import (
    MANIFEST,
    ModelFolder,
    check_files,
    folder_of,
    open_model,
    read_manifest,
    register_folder,
)
from synres.models.hub import fetch_hub, list_hub

_PICKLED = {".bin", ".pt", ".pth"}
_WEIGHTS = (".safetensors", ".onnx", *_PICKLED)
# pictures and words for people, other frameworks' weights, code, and pickles that hold more than tensors
_UNREAD = {
    ".py",
    ".md",
    ".png",
    ".jpg",
    ".jpeg",
    ".gif",
    ".mp4",
    ".h5",
    ".msgpack",
    ".ot",
    ".gguf",
    ".ckpt",
    ".pkl",
}
_OF_TRAINERS = {"training_args.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"}
_TERMS = ("LICENSE", "LICENCE", "NOTICE", "USE_POLICY")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to bring. `hub` "" has to come from a folder; `revision` "" is the newest commit."""

    name: str
    backend: str
    licence: str
    hub: str = ""
    revision: str = ""
    source: str = ""


def wanted_model(name: str, revision: str = "", licence: str = "", backend: str = "") -> Wanted:
    """A known model, or one of your own.

    Raises InvalidInput for one of your own without licence or backend, and for a known one with others.
    """
    known = KNOWN.get(name)
    if known is None:
        if not licence or not backend:
            raise InvalidInput(
                f"{name} is none of the known models (`synres models list`): for one of your own, say what"
                " loads it and what it may be used for, with --backend and --licence"
            )
        return Wanted(name, backend, licence, hub=name if "/" in name else "", revision=revision)
    if known.backend == "micro":
        raise InvalidInput("the micro models ship with the package: there is nothing to pull")
    if licence not in ("", known.licence.ids) or backend not in ("", known.backend):
        raise InvalidInput(
            f"{name} is known with backend {known.backend} and licence {known.licence.ids}: leave out"
            " --backend and --licence, or pull it --from a FOLDER under a name of your own"
        )
    return Wanted(name, known.backend, known.licence.ids, known.hub, revision or known.revision, known.source)


def pull_from_hub(wanted: Wanted) -> ModelFolder:
    """Goes on where an interrupted pull stopped.

    Raises InvalidInput where no hub has the model, BackendUnavailable without a connection or access, or for
    a file of another digest.
    """
    if not wanted.hub:
        origin = f" (from {wanted.source})" if wanted.source else ""
        raise InvalidInput(
            f"no hub has {wanted.name}: get its files{origin}, then pull it --from their FOLDER"
        )
    listing = list_hub(wanted.hub, wanted.revision)
    chosen = set(chosen_files(file.path for file in listing.files))
    with _staging(wanted.name) as staging:
        fetch_hub(listing, [file for file in listing.files if file.path in chosen], staging)
        shutil.rmtree(staging / ".cache", ignore_errors=True)
        for path in staging.rglob("*"):
            if path.is_file() and path.relative_to(staging).as_posix() not in chosen:
                path.unlink()
        return _settle(staging, wanted, listing.revision)


def pull_from_folder(wanted: Wanted, source: Path) -> ModelFolder:
    """From a folder or a single file, hard-linked where possible.

    Raises InvalidInput for a missing one or one without weights, BackendUnavailable that names the file whose
    digest is not what the folder's own manifest says, if it has one.
    """
    if not source.exists():
        raise InvalidInput(f"{source} is not there: give the folder that holds the files of {wanted.name}")
    revision = _check_source(wanted, source)
    with _staging(wanted.name) as staging:
        # nothing is worth keeping of an earlier try
        shutil.rmtree(staging)
        for path, file in _source_files(source):
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            _link(file, staging / path)
        staging.mkdir(exist_ok=True)
        return _settle(staging, wanted, revision)


def chosen_files(paths: Iterable[str]) -> list[str]:
    """What loaders read: no code, no pickles where safetensors lie beside them; licence texts stay."""
    found = [PurePosixPath(path) for path in paths]
    safe = {path.parent for path in found if path.suffix == ".safetensors"}
    return sorted(
        str(path)
        for path in found
        if _is_read(path) and not (path.suffix in _PICKLED and path.parent in safe)
    )


def _is_read(path: PurePosixPath) -> bool:
    if path.name.upper().startswith(_TERMS):
        return True
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and path.suffix.lower() not in _UNREAD and path.name not in (*_OF_TRAINERS, MANIFEST)


def _check_source(wanted: Wanted, source: Path) -> str:
    """The revision that the folder's own manifest names; its files must be what it says."""
    if not (source / MANIFEST).is_file():
        return wanted.revision
    manifest = read_manifest(source)
    if manifest.name != wanted.name:
        raise InvalidInput(f"{source} holds the model {manifest.name}: pull it under that name")
    check_files(source, manifest)
    return manifest.revision


def _source_files(source: Path) -> Iterator[tuple[str, Path]]:
    if source.is_file():
        yield source.name, source
        return
    there = {path.relative_to(source).as_posix(): path for path in source.rglob("*") if path.is_file()}
    for path in chosen_files(there):
        yield path, there[path]


def _link(file: Path, target: Path) -> None:
    # a hub's cache keeps links into a store of blobs: what is linked is the blob
    file = file.resolve()
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)


@contextmanager
def _staging(name: str) -> Iterator[Path]:
    """A hidden folder beside the models, for one pull of that name at a time; it survives interruption."""
    target = folder_of(name)
    staging = target.parent / f".pull-{target.name}"
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with (target.parent / f".lock-{target.name}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            staging.mkdir(exist_ok=True)
            yield staging
    except OSError as error:
        raise BackendUnavailable(f"{target} cannot be written: {error.strerror or error}") from error


def _settle(staging: Path, wanted: Wanted, revision: str) -> ModelFolder:
    model = register_folder(staging, wanted.name, wanted.backend, wanted.licence, revision)
    if not any(path.lower().endswith(_WEIGHTS) for path in model.files):
        raise InvalidInput(
            f"what was given as {wanted.name} holds no weights (.safetensors, .bin, .pt, .pth or .onnx)"
        )
    target, old = folder_of(wanted.name), staging.with_name(f".old-{staging.name}")
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    staging.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return open_model(wanted.name)
