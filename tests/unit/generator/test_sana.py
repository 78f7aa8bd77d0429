"""The backend `sana`: a model by name, options of its own, a filter whose refusals are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.generator.backends import load_backend
from services.generator.safety import SafetyFilter, filtered_model, load_filter
from synres.domain.choice import BackendChoice, Scalar, choose
from synres.errors import BackendUnavailable, InvalidInput
from synres.models.folders import folder_of, register_folder
from synres.ports import GeneratorInput, Image, ImageGenerator
from synres.stages.generate import NO_VIEW
from tests.tiny_sana import SIDE, write_sana

NAME = "tiny/sana"
QUICK: dict[str, Scalar] = {"steps": 1, "precision": "fp32", "complex_human_instruction": False}
CUP = GeneratorInput("the red cup", ("the red cup",), NO_VIEW)


class NoEvenFirstByte:
    """Refuses pictures by their first byte: about every second one."""

    digest = "even 1"

    def refuses(self, image: Image, prompt: str) -> str | None:
        return f"{prompt} begins with an even byte" if image[0, 0, 0] % 2 == 0 else None


@pytest.fixture
def installed_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SafetyFilter:
    """`NoEvenFirstByte` as an installed package brings it."""
    metadata = tmp_path / "site" / "evens-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: evens\nVersion: 1\n")
    entry = "tests.unit.generator.test_sana:NoEvenFirstByte"
    (metadata / "entry_points.txt").write_text(f"[synres.safety_filters]\nevens = {entry}\n")
    monkeypatch.syspath_prepend(str(metadata.parent))
    return NoEvenFirstByte()


@pytest.fixture
def model(models_dir: Path) -> str:
    """The name of a tiny SANA that has been pulled."""
    register_folder(write_sana(folder_of(NAME)), NAME, "sana", "MIT")
    return NAME


def _load(**options: Scalar) -> ImageGenerator:
    return load_backend(choose("sana", NAME, {**QUICK, **options}))


def test_pictures_of_the_models_own_size(model: str) -> None:
    """One for each seed, in batches whose size changes no pixel by more than one of 255 steps."""
    alone = _load().generate(CUP, [1, 2, 3])
    assert {picture.image.shape for picture in alone} == {(SIDE, SIDE, 3)}
    for batch_size in (2, 8):
        for one, other in zip(alone, _load(batch_size=batch_size).generate(CUP, [1, 2, 3]), strict=True):
            assert np.abs(one.image.astype(int) - other.image).max() <= 1


def test_the_model_names_folder_and_licence(model: str) -> None:
    """Other weights, or another filter, are another model."""
    first = _load().model
    assert (first.name, first.licence, first.bitwise) == (NAME, "MIT", False)
    assert filtered_model(first, NoEvenFirstByte()).digest != first.digest
    (folder_of(NAME) / "note.txt").write_text("changed")
    register_folder(folder_of(NAME), NAME, "sana", "MIT")
    assert _load().model.digest != first.digest


def test_a_filter_refuses_by_name(model: str, installed_filter: SafetyFilter) -> None:
    """The picture comes back with the sentence, for the stage to record; the others go on."""
    pictures = _load(safety_filter="evens").generate(CUP, range(6))
    refused = [picture for picture in pictures if picture.refusal]
    assert 0 < len(refused) < len(pictures)
    assert all(picture.image[0, 0, 0] % 2 == 0 for picture in refused)
    assert refused[0].refusal == "the red cup begins with an even byte"


def test_a_filter_that_is_not_there_is_refused(installed_filter: SafetyFilter) -> None:
    """The message lists what is installed: a misspelt filter must not mean no filter."""
    assert load_filter("none") is None
    with pytest.raises(InvalidInput, match="'even' is not installed; there is none, evens"):
        load_filter("even")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"step": 2}, "no option 'step'; did you mean 'steps'"), ({"width": 65}, "no multiple of 32; take 64"),
     ({"precision": "int8"}, "precision 'int8' is unknown"), ({"batch_size": 0}, "batch_size 0"),
     ({"steps": "many"}, "an option of backend sana")],
)  # fmt: skip
def test_bad_options_are_refused_before_the_model_is_read(options: dict[str, Scalar], message: str) -> None:
    """There is no model here at all."""
    with pytest.raises(InvalidInput, match=message):
        load_backend(choose("sana", NAME, options))


def test_a_model_that_was_not_pulled_is_named(models_dir: Path) -> None:
    """With the command that fetches it; without a name it is the published 1024 px SANA."""
    with pytest.raises(BackendUnavailable, match=r"Sana_1600M_1024px_BF16_diffusers is not in .*models pull"):
        load_backend(BackendChoice("sana"))
