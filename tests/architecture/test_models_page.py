"""The page on the real models names backends, models, options and licences that there are."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml

from services.captioner import backends as captioner
from services.captioner.backends.coca_options import CocaOptions
from services.generator import backends as generator
from services.generator.painter_options import SanaOptions, TritonOptions
from services.segmenter import backends as segmenter
from synres.models.catalogue import KNOWN
from synres.models.clipseg import ClipSegOptions
from synres.models.onnx_segmenters import OnnxOptions
from synres.models.res_families import GsvaOptions, LisaOptions, ResOptions
from synres.models.sam3 import Sam3Options

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text()
OPTIONS = {
    "coca": CocaOptions, "sana": SanaOptions, "triton": TritonOptions, "lisa": LisaOptions,
    "gsva": GsvaOptions, "glamm": ResOptions, "sam3": Sam3Options,
    "clipseg": ClipSegOptions, "onnx": OnnxOptions,
}  # fmt: skip
OWN = {"my/Model", "NAME", "clipseg-onnx"}


def _commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", PAGE, flags=re.S)
    lines = (line.split(" #")[0] for block in blocks for line in block.splitlines())
    return [part.strip() for line in lines for part in line.split("&&")]


def test_every_command_names_a_backend_and_options_that_there_are() -> None:
    """What a person types is not answered with a typo of ours."""
    names = {*captioner.NAMES, *generator.NAMES, *segmenter.NAMES}
    for command in _commands():
        backend = re.search(r"--backend (\S+)", command)
        if backend is None:
            continue
        assert backend[1] in names, command
        known = {field.name for field in fields(OPTIONS[backend[1]])}
        assert set(re.findall(r"--option (\w+)=", command)) <= known, command


def test_every_model_on_the_page_is_known() -> None:
    """To pull, to show or to choose."""
    for command in _commands():
        named = re.findall(r"--model (\S+)|models (?:pull|show|export-onnx) (\S+)", command)
        assert {name for pair in named for name in pair if name} - OWN <= set(KNOWN), command


def test_every_licence_of_the_catalogue_is_in_the_table_and_no_other() -> None:
    """The ids are what a policy takes."""
    table = PAGE[PAGE.index("## Licences") : PAGE.index("## CoCa")]
    told = set(re.findall(r"`(LicenseRef-[\w-]+|MIT|Apache-2\.0)`", table))
    assert told == {licence for model in KNOWN.values() for licence in model.licence.ids.split(" AND ")}


def test_stages_on_the_page_choose_what_there_is() -> None:
    """`segment: {backend: lisa, options: {...}}`, in a block or in a sentence."""
    stages = re.findall(r"(?:caption|generate|align|segment): +(\{.*\})", PAGE)
    assert len(stages) > 8
    for text in stages:
        stage = yaml.safe_load(text.split("}`")[0] + "}" if "}`" in text else text)
        options = {field.name for field in fields(OPTIONS[stage["backend"]])}
        assert set(stage.get("options", {})) <= options, text
        assert stage.get("model", "facebook/sam3") in KNOWN, text


def test_every_model_says_what_was_and_what_was_not_checked() -> None:
    """A section without the two words would promise what nobody has seen."""
    sections = re.split(r"^## ", PAGE, flags=re.M)
    models = [text for text in sections if re.match(r"[^\n]*\((captioner|generator|segmenter)\)", text)]
    assert len(models) == 8
    for text in models:
        assert "**Checked**" in text, text[:40]
        assert re.search(r"\*\*Not\s+checked\*\*", text), text[:40]
