"""A pulled model is whole and checked, or it is not there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synres.errors import BackendUnavailable, InvalidInput
from synres.models.catalogue import KNOWN, known_model
from synres.models.folders import folder_of, open_model
from synres.models.pull import Wanted, chosen_files, pull_from_folder, pull_from_hub, wanted_model
from tests.fake_hub import COMMIT, FakeHub, serving_hub

OWN = Wanted("own/Model", "painter", "MIT")
ROOT = Path(__file__).parents[3]
FILES = {"config.json": b"{}", "model.safetensors": b"s" * 100_000, "pytorch_model.bin": b"p", "run.py": b""}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder as people have it: weights, a link, a script, a hidden file."""
    source = tmp_path / "source"
    (source / "vae").mkdir(parents=True)
    (source / ".git").mkdir()
    (source / ".git" / "HEAD").write_text("ref")
    (source / "modeling.py").write_text("raise SystemExit")
    (source / "vae" / "weights.safetensors").write_bytes(b"0123456789")
    (tmp_path / "blob").write_text("{}")
    (source / "config.json").symlink_to(tmp_path / "blob")
    return source


def pull(
    hub: FakeHub, models_dir: Path, *options: str, offline: str = "0"
) -> subprocess.CompletedProcess[str]:
    """`synres models pull` of the hub's model: the client reads where the hub is when it is imported."""
    environment = os.environ | {
        "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": offline, "HF_HUB_DISABLE_XET": "1",
        "HF_HOME": str(models_dir.parent / "hf"), "SYNRES_MODELS_DIR": str(models_dir),
    }  # fmt: skip
    command = [sys.executable, "-c", "from services.cli.main import main; main()", "models", "pull", hub.name]
    command += ["--backend", "painter", "--licence", "MIT", *options]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_what_loaders_read_is_chosen_and_nothing_else() -> None:
    """Safetensors before pickles, in each folder; no code, no pictures; licence texts stay."""
    assert chosen_files(
        ["a.safetensors", "a.bin", "b/only.bin", "b/training_args.bin", "tokenizer.model", "LICENSE.md",
         "README.md", "modeling.py", "teaser.png", ".gitattributes", "flax.msgpack", "x.pkl", "merges.txt"]
    ) == ["LICENSE.md", "a.safetensors", "b/only.bin", "merges.txt", "tokenizer.model"]  # fmt: skip


def test_a_folder_becomes_a_model(source: Path, models_dir: Path) -> None:
    """Links are followed, files are shared with the source where the disk allows, code stays outside."""
    pulled = pull_from_folder(OWN, source)
    assert set(pulled.files) == {"config.json", "vae/weights.safetensors"}
    assert (pulled.path / "vae" / "weights.safetensors").samefile(source / "vae" / "weights.safetensors")
    assert not (pulled.path / "config.json").is_symlink()
    assert open_model("own/Model").licence == "MIT"
    assert [path.name for path in models_dir.iterdir() if not path.name.startswith(".lock")] == ["own--Model"]


def test_a_single_file_becomes_a_model(source: Path, models_dir: Path) -> None:
    """As GSVA's weights are published: one file among others."""
    assert set(pull_from_folder(OWN, source / "vae" / "weights.safetensors").files) == {"weights.safetensors"}


def test_another_pull_takes_the_place_of_the_first(source: Path, models_dir: Path) -> None:
    """Not a file of the old model is left among those of the new."""
    first = pull_from_folder(OWN, source)
    (source / "vae" / "weights.safetensors").rename(source / "weights.safetensors")
    second = pull_from_folder(OWN, source)
    assert set(second.files) == {"config.json", "weights.safetensors"}
    assert first.digest != second.digest


def test_a_copied_model_is_checked_against_its_manifest(
    source: Path, models_dir: Path, tmp_path: Path
) -> None:
    """A file that changed on the way is named, and the model that was there stays as it was."""
    pulled = pull_from_folder(Wanted("own/Model", "painter", "MIT", revision="abc"), source)
    copied = tmp_path / "copied"
    subprocess.run(["cp", "-r", str(pulled.path), str(copied)], check=True)
    assert pull_from_folder(OWN, copied).revision == "abc"
    # hard-linked by the pull before: written into, it would change the model too
    (copied / "vae" / "weights.safetensors").unlink()
    (copied / "vae" / "weights.safetensors").write_bytes(b"9876543210")
    with pytest.raises(BackendUnavailable, match=r"vae/weights\.safetensors has the digest"):
        pull_from_folder(OWN, copied)
    assert open_model("own/Model", verify_all=True).digest == pulled.digest
    with pytest.raises(InvalidInput, match="holds the model own/Model: pull it under that name"):
        pull_from_folder(Wanted("another", "painter", "MIT"), copied)


def test_an_empty_or_missing_folder_is_said(models_dir: Path, tmp_path: Path) -> None:
    """And leaves nothing that would pass for a model."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="holds no files"):
        pull_from_folder(OWN, tmp_path / "empty")
    with pytest.raises(InvalidInput, match="is not there: give the folder"):
        pull_from_folder(OWN, tmp_path / "nowhere")
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(InvalidInput, match="own/Model holds no weights"):
        pull_from_folder(OWN, tmp_path / "empty")
    assert not folder_of("own/Model").exists()


def test_a_model_of_ones_own_needs_a_backend_and_a_licence() -> None:
    """Else the policy would have nothing to check."""
    with pytest.raises(InvalidInput, match="with --backend and --licence"):
        wanted_model("own/Model", backend="lisa")
    wanted = wanted_model("own/Model", licence="MIT", backend="lisa")
    assert (wanted.hub, wanted.licence) == ("own/Model", "MIT")


def test_a_known_model_keeps_its_licence() -> None:
    """Nobody makes LISA free by an option; who has other terms gives it another name."""
    with pytest.raises(InvalidInput, match="is known with backend lisa and licence LicenseRef-LLaMA-1"):
        wanted_model("xinlai/LISA-7B-v1", licence="MIT")
    with pytest.raises(InvalidInput, match="under a name of your own"):
        wanted_model("facebook/sam3", backend="lisa")
    assert wanted_model("facebook/sam3", licence="LicenseRef-SAM").backend == "sam3"


def test_known_models_carry_licence_and_source() -> None:
    """Each has terms, comes from somewhere, and what it needs is known too."""
    for model in KNOWN.values():
        assert model.licence.ids
        assert model.licence.terms.endswith(".")
        assert bool(model.hub) != bool(model.source)
        assert all(needed in KNOWN for needed in model.needs)
    wanted = wanted_model("xinlai/LISA-7B-v1")
    assert (wanted.backend, wanted.licence, wanted.hub) == ("lisa", "LicenseRef-LLaMA-1", "xinlai/LISA-7B-v1")
    with pytest.raises(InvalidInput, match="did you mean 'facebook/sam3'"):
        known_model("facebook/sam-3")


def test_a_model_that_no_hub_has_says_where_it_comes_from() -> None:
    """GSVA's weights lie behind links that people follow."""
    with pytest.raises(InvalidInput, match=r"no hub has LeapLabTHU/gsva-7b-pt: .* pull it --from"):
        pull_from_hub(wanted_model("LeapLabTHU/gsva-7b-pt"))


def test_offline_is_one_sentence(models_dir: Path) -> None:
    """The hub is not even asked."""
    with serving_hub(FakeHub("own/Model", FILES)) as hub:
        refused = pull(hub, models_dir, offline="1")
    assert refused.returncode == 3
    assert refused.stderr.strip() == (
        "error BACKEND_UNAVAILABLE: HF_HUB_OFFLINE is set:"
        " unset it to pull from the hub, or give --from FOLDER"
    )


def test_the_hub_gives_what_loaders_read_at_one_commit(models_dir: Path) -> None:
    """The newest commit is written down; a second pull fetches nothing."""
    with serving_hub(FakeHub("own/Model", FILES)) as hub:
        assert pull(hub, models_dir).returncode == 0
        assert pull(hub, models_dir, "--revision", COMMIT).returncode == 0
        assert hub.gets == {"config.json": 1, "model.safetensors": 1}
    opened = open_model("own/Model")
    assert (opened.revision, set(opened.files)) == (COMMIT, {"config.json", "model.safetensors"})


def test_a_file_of_another_digest_is_refused_and_fetched_again(models_dir: Path) -> None:
    """The sentence names it; what came right is kept for the next try."""
    with serving_hub(FakeHub("own/Model", FILES, served={"model.safetensors": b"t" * 100_000})) as hub:
        refused = pull(hub, models_dir)
        assert refused.returncode == 3
        assert "own/Model: model.safetensors has another digest than the hub says" in refused.stderr
        assert not folder_of("own/Model").exists()
        hub.served.clear()
        assert pull(hub, models_dir).returncode == 0
        assert hub.gets == {"config.json": 1, "model.safetensors": 2}


def test_a_gated_model_says_what_to_do(models_dir: Path) -> None:
    """As SAM 3 is."""
    with serving_hub(FakeHub("own/Model", FILES, gated=True)) as hub:
        refused = pull(hub, models_dir)
    assert refused.returncode == 3
    assert "own/Model is for those who accepted its terms on the hub: do so, then log in" in refused.stderr


def test_an_unknown_revision_or_a_hub_that_is_gone_is_said(models_dir: Path) -> None:
    """One sentence, the input's exit code or the backend's, and no model."""
    with serving_hub(FakeHub("own/Model", FILES)) as hub:
        unknown = pull(hub, models_dir, "--revision", "d" * 40)
    assert (unknown.returncode, unknown.stderr.strip().splitlines()[-1]) == (
        2, f"error INVALID_INPUT: own/Model has no revision '{'d' * 40}'")  # fmt: skip
    gone = pull(hub, models_dir)
    assert gone.returncode == 3
    assert "own/Model cannot be fetched" in gone.stderr
    assert "there is no connection to the hub" in gone.stderr
    assert not folder_of("own/Model").exists()
