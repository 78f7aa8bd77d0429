"""Models on disk: one folder each under `SYNRES_MODELS_DIR`, with a manifest that names every file's digest.

Loads no model framework. A model is opened by name; what is read is what the manifest says, or an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from synres.domain.choice import check_model_name
from synres.domain.digests import digest_json
from synres.domain.types import ModelInfo
from synres.errors import BackendUnavailable, InvalidInput
from synres.settings import ModelSettings, load_settings
from synres.typed_json import decode_json

MANIFEST = "synres-model.json"
_VERIFIED = ".synres-verified.json"
Seen = dict[str, list[object]]
"""Path within a folder -> digest, size and date of the file when it was last read whole."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """`sha256` in lower-case hex, `size` in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `synres-model.json` holds. `files`: path within the folder -> file."""

    name: str
    backend: str
    licence: str
    files: dict[str, ModelFile] = field(default_factory=dict)
    revision: str = ""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """An opened model. `digest` is that of all its files' digests."""

    path: Path
    name: str
    backend: str
    revision: str
    licence: str
    digest: str
    files: dict[str, ModelFile]


def models_dir() -> Path:
    """Where models lie: `SYNRES_MODELS_DIR`."""
    return load_settings(ModelSettings).models_dir


def folder_of(name: str) -> Path:
    """Where the model of that name lies, or would: `owner/name` in `owner--name`. Raises InvalidInput."""
    check_model_name(name)
    if not name:
        raise InvalidInput("a model name is empty; see `synres models list`")
    return models_dir() / name.replace("/", "--")


def register_folder(folder: Path, name: str, backend: str, licence: str, revision: str = "") -> ModelFolder:
    """Writes the manifest of a folder of model files, over an older one. Raises InvalidInput for no files."""
    check_model_name(name)
    files = {path: _hashed(folder / path) for path in _paths(folder)}
    if not files:
        raise InvalidInput(f"{folder} holds no files: give the folder of a model")
    manifest = Manifest(name, backend, licence, files, revision)
    _write(folder / MANIFEST, asdict(manifest))
    return _opened(folder, manifest)


def open_model(name: str, verify_all: bool = False) -> ModelFolder:
    """The model of that name; its files are what the manifest says.

    A file whose size and date are those of its last check is not read again, unless `verify_all`. Raises
    BackendUnavailable that says how to fetch a missing model, or names the file that is missing, altered or
    not in the manifest.
    """
    folder = folder_of(name)
    manifest = read_manifest(folder)
    if manifest.name != name:
        raise BackendUnavailable(f"{folder} holds the model {manifest.name!r}: pull {name} again")
    known = {} if verify_all else _read_verified(folder)
    check_files(folder, manifest, known)
    _remember(folder, manifest, known)
    return _opened(folder, manifest)


def check_files(folder: Path, manifest: Manifest, known: Seen | None = None) -> None:
    """Raises BackendUnavailable that names a file which is missing, altered or not in the manifest.

    Files that look as in `known`, the note of an earlier check, are not read.
    """
    _check_paths(folder, manifest)
    for path, expected in manifest.files.items():
        if (known or {}).get(path) != _seen(folder / path, expected):
            _check_file(folder, path, expected, manifest.name)


def list_folders() -> dict[str, ModelFolder]:
    """Every registered model by name, its files unread. Raises BackendUnavailable for a broken manifest."""
    folders = (path.parent for path in sorted(models_dir().glob(f"*/{MANIFEST}")))
    opened = [_opened(folder, read_manifest(folder)) for folder in folders if folder.name[0] != "."]
    return {folder.name: folder for folder in opened}


def model_info(backend: str, code_version: int, *folders: ModelFolder) -> ModelInfo:
    """What computes a stage from these models, the main one first: every digest and licence counts."""
    digest = digest_json([backend, code_version, *(folder.digest for folder in folders)])
    licences = dict.fromkeys(part for folder in folders for part in folder.licence.split(" AND "))
    return ModelInfo(folders[0].name, digest, " AND ".join(licences), bitwise=False)


def read_manifest(folder: Path) -> Manifest:
    """Raises BackendUnavailable for a folder that is not there, or whose manifest cannot be read."""
    path = folder / MANIFEST
    try:
        return decode_json(path.read_bytes(), Manifest)
    except FileNotFoundError as error:
        name = folder.name.replace("--", "/")
        raise BackendUnavailable(
            f"model {name} is not in {folder.parent}: run `synres models pull {name}`"
        ) from error
    except (OSError, ValueError) as error:
        raise BackendUnavailable(f"{path} cannot be read ({error}): pull the model again") from error


def _opened(folder: Path, manifest: Manifest) -> ModelFolder:
    digest = digest_json({path: file.sha256 for path, file in manifest.files.items()})
    return ModelFolder(
        folder, manifest.name, manifest.backend, manifest.revision, manifest.licence, digest, manifest.files
    )


def _paths(folder: Path) -> Iterator[str]:
    """Files by name within the folder, sorted; what is hidden is no part of the model."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and path.name != MANIFEST and not any(p.startswith(".") for p in relative.parts):
            yield relative.as_posix()


def _check_paths(folder: Path, manifest: Manifest) -> None:
    there = set(_paths(folder))
    for path in sorted(set(manifest.files) - there):
        raise BackendUnavailable(f"model {manifest.name}: {path} is missing: pull the model again")
    # loaders pick up what lies in a folder, so a stray file could change what a digest claims to name
    for path in sorted(there - set(manifest.files)):
        raise BackendUnavailable(
            f"model {manifest.name}: {path} lies in {folder} and is not in its manifest: remove the file"
        )


def _check_file(folder: Path, path: str, expected: ModelFile, name: str) -> None:
    found = _hashed(folder / path)
    if found != expected:
        raise BackendUnavailable(
            f"model {name}: {path} has the digest {found.sha256[:12]}, its manifest says"
            f" {expected.sha256[:12]}: pull the model again"
        )


def _hashed(path: Path) -> ModelFile:
    with path.open("rb") as file:
        return ModelFile(hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size)


def _seen(path: Path, expected: ModelFile) -> list[object]:
    stat = path.stat()
    return [expected.sha256, stat.st_size, stat.st_mtime_ns]


def _read_verified(folder: Path) -> Seen:
    try:
        return decode_json((folder / _VERIFIED).read_bytes(), Seen)
    except (OSError, ValueError):
        return {}


def _remember(folder: Path, manifest: Manifest, known: Seen) -> None:
    seen = {path: _seen(folder / path, expected) for path, expected in manifest.files.items()}
    # a read-only volume cannot keep the note: its files are hashed each time
    if seen != known and os.access(folder, os.W_OK):
        _write(folder / _VERIFIED, seen)


def _write(path: Path, document: object) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", delete=False) as file:
        file.write(json.dumps(document, indent=2, sort_keys=True) + "\n")
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)
