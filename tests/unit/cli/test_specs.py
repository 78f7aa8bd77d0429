"""What a spec file or its arm is called wrongly, the command line tells in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.narrow import only_arm
from synres.errors import NotFound, SpecInvalid
from synres.spec_yaml import load_spec

CONFIGS = Path(__file__).parents[3] / "configs"


def test_a_backend_that_there_is_not_is_told_with_its_line(tmp_path: Path) -> None:
    """Before any dataset is read, and without a store being made."""
    text = (CONFIGS / "micro.yaml").read_text()
    line = next(n for n, said in enumerate(text.splitlines(), 1) if "generate: {backend: micro" in said)
    file = tmp_path / "run.yaml"
    file.write_text(text.replace("generate: {backend: micro", "generate: {backend: mirco", 1))
    ended = CliRunner().invoke(app, ["run", str(file), "--store", str(tmp_path / "s")])
    assert isinstance(ended.exception, SpecInvalid)
    assert f"run.yaml:{line}: method.synthesis." in ended.exception.message
    assert ".generate.backend: there is no backend 'mirco'; did you mean 'micro'?" in ended.exception.message
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("file", sorted(CONFIGS.glob("*.yaml")), ids=lambda file: file.name)
def test_every_shipped_spec_is_sound(file: Path) -> None:
    """Also those that nobody can run here."""
    assert load_spec(file).method.arms


def test_an_arm_of_no_spec_is_told_with_the_nearest() -> None:
    """As every other name."""
    with pytest.raises(NotFound, match="did you mean 'control'"):
        only_arm(load_spec(CONFIGS / "micro.yaml"), "contrl")
