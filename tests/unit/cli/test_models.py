"""`synres models`: what people see of known and pulled models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from synres.errors import BackendUnavailable, NotFound

RUN = CliRunner()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A folder with a model's one file."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"0123456789")
    return folder


def run(*words: str) -> Result:
    result = RUN.invoke(app, ["models", *words], env={"COLUMNS": "200"})
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_the_list_tells_known_and_own_models_apart_from_pulled_ones(models_dir: Path, weights: Path) -> None:
    """Licence and use stand beside each; a model of one's own is listed once it is here."""
    run("pull", "own", "--from", str(weights), "--backend", "sana", "--licence", "LicenseRef-Own")
    rows = {row["name"]: row for row in json.loads(run("list", "--json").stdout)["models"]}
    assert (rows["own"]["here"], rows["own"]["commercial"]) == ("yes", "unknown")
    assert (rows["facebook/sam3"]["here"], rows["facebook/sam3"]["commercial"]) == ("", "conditions")
    assert rows["xinlai/LISA-7B-v1"]["needs"] == ["openai/clip-vit-large-patch14"]
    assert "xinlai/LISA-7B-v1" in run("list").stdout


def test_pull_says_what_came_and_what_else_is_needed(models_dir: Path, weights: Path) -> None:
    """Terms and missing companions go to stderr, facts to stdout."""
    pulled = run("pull", "xinlai/LISA-7B-v1", "--from", str(weights))
    assert "1 files, 10 bytes" in pulled.stdout
    assert "licence LicenseRef-LLaMA-1" in pulled.stdout
    assert "synres models pull openai/clip-vit-large-patch14" in pulled.stderr
    run("pull", "openai/clip-vit-large-patch14", "--from", str(weights))
    again = run("pull", "xinlai/LISA-7B-v1")
    assert "it needs" not in again.stderr


def test_show_lists_the_files_of_a_pulled_model(models_dir: Path, weights: Path) -> None:
    """A model that is not here shows where it is; one that nobody knows is not found."""
    assert "hub  facebook/sam3" in run("show", "facebook/sam3").stdout
    run("pull", "facebook/sam3", "--from", str(weights))
    assert "model.safetensors" in run("show", "facebook/sam3").stdout
    assert json.loads(run("show", "facebook/sam3", "--json").stdout)["files"].keys() == {"model.safetensors"}
    with pytest.raises(NotFound, match="did you mean"):
        run("show", "facebook/sam-3")


def test_verify_reads_everything_again(models_dir: Path, weights: Path) -> None:
    """A changed byte is found whatever the file's date says; without models there is nothing to say."""
    assert "no model is here yet" in run("verify").stdout
    run("pull", "own", "--from", str(weights), "--backend", "sana", "--licence", "MIT")
    assert "own: every file is what its manifest says" in run("verify").stdout
    (models_dir / "own" / "model.safetensors").write_bytes(b"9876543210")
    with pytest.raises(BackendUnavailable, match=r"model own: model\.safetensors has the digest"):
        run("verify", "own")


def test_licences_are_ids_that_a_policy_takes(models_dir: Path) -> None:
    """Each set of ids once, with the sentence for a company and the models under it."""
    found = {tuple(row["ids"].split(" AND ")): row for row in json.loads(run("licences", "--json").stdout)}
    assert found["LicenseRef-LLaMA-1",]["commercial"] == "no"
    assert "LicenseRef-Gemma" in {licence for ids in found for licence in ids}
    assert "no legal advice" in run("licences").stdout
