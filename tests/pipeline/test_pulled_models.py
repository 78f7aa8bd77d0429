"""From a folder of a real architecture's files to its masks and pictures: by command, and in a run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from services.captioner.backends import load_backend as load_captioner
from services.cli.main import app
from services.coordinator.executors.embedded import EmbeddedExecutor
from services.coordinator.run import plan_spec, run_spec
from services.segmenter.backends import load_backend as load_segmenter
from synres.data.images import decode_image, encode_png
from synres.domain.choice import BackendChoice
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.spec import RunSpec
from synres.stages.backends import SegmenterBackends
from tests.fakes import MemoryStore
from tests.runs import Between, instant_ports, spec_with
from tests.tiny_models import write_clipseg
from tests.tiny_sana import write_sana


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIPSeg and a SANA as people have them on disk."""
    folder = tmp_path_factory.mktemp("downloads")
    write_clipseg(folder / "clipseg")
    write_sana(folder / "sana")
    return folder


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception:
        raise result.exception
    return result.stdout


def pull(name: str, source: Path, backend: str, licence: str = "MIT") -> None:
    run("models", "pull", name, "--from", source, "--backend", backend, "--licence", licence)


def with_policy(*licences: str) -> RunSpec:
    return spec_with(
        ("segment: {backend: instant}", "segment: {backend: clipseg, model: my/ClipSeg}"),
        ("patience_s: 30", f"patience_s: 30, policy: {{allowed_licences: [{', '.join(licences)}]}}"),
    )


def executor(store: MemoryStore) -> EmbeddedExecutor:
    """Instant backends, but for the segmenter, which is what the service has."""
    ledger = Ledger(store)
    real = SegmenterBackends(ledger, load_segmenter)
    return EmbeddedExecutor(ledger, replace(instant_ports(ledger), segmenters=real))


def test_a_pulled_segmenter_finds_masks_in_a_picture(
    downloads: Path, models_dir: Path, tmp_path: Path
) -> None:
    """Pull, then segment with an option."""
    pull("my/ClipSeg", downloads / "clipseg", "clipseg")
    picture = tmp_path / "p.png"
    picture.write_bytes(encode_png(np.zeros((30, 40, 3), np.uint8)))
    words = ("segment", picture, "a cat", "--backend", "clipseg", "--model", "my/ClipSeg", "--json")
    everything, nothing = (
        json.loads(run(*words, "--option", f"threshold={value}"))["masks"][0] for value in (0, 1)
    )
    assert (everything["area"], nothing["no_target"]) == (30 * 40, True)


def test_a_pulled_generator_draws_a_picture(downloads: Path, models_dir: Path, tmp_path: Path) -> None:
    """Pull, then generate at a size of one's own."""
    pull("my/Sana", downloads / "sana", "sana", "LicenseRef-Mine")
    words = (
        "generate",
        "a cat",
        "--backend",
        "sana",
        "--model",
        "my/Sana",
        "-o",
        tmp_path / "p.png",
        "--json",
    )
    size = (
        "--option",
        "height=64",
        "--option",
        "width=32",
        "--option",
        "steps=1",
        "--option",
        "precision=fp32",
    )
    assert json.loads(run(*words, *size))["licence"] == "LicenseRef-Mine"
    assert decode_image((tmp_path / "p.png").read_bytes()).shape == (64, 32, 3)


def test_the_licence_of_a_pulled_model_binds_a_run(downloads: Path, models_dir: Path) -> None:
    """Refused before any compute; allowed, the run's COMMIT names it."""
    pull("my/ClipSeg", downloads / "clipseg", "clipseg", "LicenseRef-Mine")
    store = MemoryStore()
    asked = Between(executor(store))
    with pytest.raises(InvalidInput, match="segment/clipseg my/ClipSeg has the licence 'LicenseRef-Mine'"):
        run_spec(with_policy("Apache-2.0"), store, asked)
    assert not asked.calls
    assert not store.objects
    commit = run_spec(with_policy("Apache-2.0", "LicenseRef-Mine"), store, asked)
    assert commit.licences["segment/clipseg my/ClipSeg"] == "LicenseRef-Mine"


def test_other_files_are_another_model_in_every_action(
    downloads: Path, models_dir: Path, tmp_path: Path
) -> None:
    """A changed file under the same name computes anew from there on."""
    pull("my/ClipSeg", downloads / "clipseg", "clipseg")
    store = MemoryStore()
    spec = with_policy("Apache-2.0", "MIT")
    run_spec(spec, store, executor(store))
    assert plan_spec(spec, store, executor(store)).cached["segment"] == 3
    write_clipseg(tmp_path / "again")
    with (tmp_path / "again" / "config.json").open("a") as file:
        file.write("\n")
    pull("my/ClipSeg", tmp_path / "again", "clipseg")
    planned = plan_spec(spec, store, executor(store))
    assert (planned.cached["generate"], planned.cached["segment"]) == (3, 0)


def test_a_backend_says_which_model_to_pull(models_dir: Path) -> None:
    """The default of each is a known one."""
    for load, backend in ((load_captioner, "coca"), (load_segmenter, "lisa"), (load_segmenter, "sam3")):
        with pytest.raises(Exception, match=r"run `synres models pull [^`]+`") as caught:
            load(BackendChoice(backend))
        name = caught.value.args[0].rpartition(" ")[2].strip("`")
        run("models", "show", name)
