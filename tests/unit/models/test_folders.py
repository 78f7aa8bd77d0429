"""A model folder is what its manifest says, or an error that names the file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from synres.errors import BackendUnavailable, InvalidInput
from synres.models.folders import MANIFEST, folder_of, model_info, open_model, register_folder

NAME = "tiny/Model-1"


@pytest.fixture
def folder(models_dir: Path) -> Path:
    """A registered model of two files."""
    folder = folder_of(NAME)
    (folder / "vae").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "vae" / "weights.safetensors").write_bytes(b"0123456789")
    register_folder(folder, NAME, "painter", "MIT", revision="abc")
    return folder


def test_a_registered_folder_opens_by_name(folder: Path, models_dir: Path) -> None:
    """Name, licence, revision and files come from the manifest; the folder is owner--name."""
    opened = open_model(NAME)
    assert folder == models_dir / "tiny--Model-1"
    assert (opened.path, opened.name, opened.backend) == (folder, NAME, "painter")
    assert (opened.licence, opened.revision) == ("MIT", "abc")
    assert {path: file.size for path, file in opened.files.items()} == {
        "config.json": 2,
        "vae/weights.safetensors": 10,
    }


def test_the_digest_is_that_of_names_and_contents_alone(folder: Path) -> None:
    """Another date, revision or place is the same model; another byte or file name is another."""
    first = open_model(NAME).digest
    os.utime(folder / "config.json", (1, 1))
    assert open_model(NAME).digest == first
    assert register_folder(folder, NAME, "other", "GPL", revision="def").digest == first
    (folder / "config.json").rename(folder / "config2.json")
    assert register_folder(folder, NAME, "painter", "MIT").digest != first


def test_a_model_that_is_not_there_says_how_to_fetch_it(models_dir: Path) -> None:
    """Name, place and command in one sentence."""
    with pytest.raises(BackendUnavailable, match=r"model a/b is not in .*: run `synres models pull a/b`"):
        open_model("a/b")


def test_a_file_of_another_digest_is_refused_by_name(folder: Path) -> None:
    """Also where its size is the same."""
    (folder / "vae" / "weights.safetensors").write_bytes(b"9876543210")
    with pytest.raises(BackendUnavailable, match=r"vae/weights\.safetensors has the digest .*pull the model"):
        open_model(NAME)


def test_missing_and_stray_files_are_refused_by_name(folder: Path) -> None:
    """What a loader could pick up is in the manifest; hidden files are nobody's."""
    (folder / ".cache").mkdir()
    (folder / ".cache" / "note").write_text("")
    open_model(NAME)
    (folder / "added_tokens.json").write_text("{}")
    with pytest.raises(BackendUnavailable, match=r"added_tokens\.json lies in .* not in its manifest"):
        open_model(NAME)
    (folder / "added_tokens.json").unlink()
    (folder / "config.json").unlink()
    with pytest.raises(BackendUnavailable, match=r"config\.json is missing"):
        open_model(NAME)


def test_what_was_checked_is_read_again_only_when_asked_or_changed(folder: Path) -> None:
    """Gigabytes are hashed once: a file of the same size and date passes, until all are verified anew."""
    weights = folder / "vae" / "weights.safetensors"
    open_model(NAME)
    stat = weights.stat()
    weights.write_bytes(b"9876543210")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    open_model(NAME)
    with pytest.raises(BackendUnavailable, match="weights"):
        open_model(NAME, verify_all=True)


def test_a_broken_or_foreign_manifest_is_said(folder: Path, models_dir: Path) -> None:
    """A folder under another name is not taken for the model."""
    shutil.copytree(folder, models_dir / "other--Model")
    with pytest.raises(BackendUnavailable, match="holds the model 'tiny/Model-1'"):
        open_model("other/Model")
    (folder / MANIFEST).write_text("{")
    with pytest.raises(BackendUnavailable, match=r"synres-model\.json cannot be read"):
        open_model(NAME)


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    """A wrong path would otherwise make a model of nothing."""
    with pytest.raises(InvalidInput, match="holds no files"):
        register_folder(tmp_path, "a", "b", "MIT")


@pytest.mark.parametrize("name", ["../x", "/etc", "a/b/c", "a--b", ""])
def test_a_name_never_leaves_the_models_folder(models_dir: Path, name: str) -> None:
    """It is refused before any path is made of it."""
    with pytest.raises(InvalidInput, match="model name"):
        open_model(name)


def test_digest_and_licence_of_a_backend_name_all_its_models(folder: Path) -> None:
    """LISA without its CLIP is another action; both licences bind."""
    main = open_model(NAME)
    tower = folder_of("clip")
    tower.mkdir()
    (tower / "config.json").write_text("{}")
    other = register_folder(tower, "clip", "clip", "Apache-2.0 AND MIT")
    info = model_info("lisa", 1, main, other)
    assert (info.name, info.licence, info.bitwise) == (NAME, "MIT AND Apache-2.0", False)
    assert (
        len({info.digest, model_info("lisa", 1, main).digest, model_info("lisa", 2, main, other).digest}) == 3
    )
