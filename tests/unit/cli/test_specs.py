"""What a spec file or its arm is called wrongly, the command line tells in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.narrow import only_arm
from synres.errors import BackendUnavailable, NotFound, SpecInvalid
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


def test_the_papers_experiments_lack_nothing_but_their_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each backend knows its options, and says what to pull; arms and chains are those of the page."""
    from services.captioner.backends import load_backend as load_captioner
    from services.segmenter.backends import load_backend as load_segmenter
    from services.trainer.backends import load_backend as load_trainable

    monkeypatch.setenv("SYNRES_MODELS_DIR", str(tmp_path))
    method = load_spec(CONFIGS / "paper.yaml").method
    assert set(method.arms) == {"baseline", "full", "quarter", "no_superclass"}
    samples = {
        arm: method.synthesis[part].samples for arm, part in {"full": "whole", "quarter": "quarter"}.items()
    }
    assert samples["quarter"] * 4 == samples["full"]
    assert (
        method.arms["full"].superclass_probability > method.arms["no_superclass"].superclass_probability == 0
    )
    for arm in method.arms.values():
        with pytest.raises(BackendUnavailable, match="synres models pull"):
            load_trainable(arm.choice)
    for chain in method.synthesis.values():
        with pytest.raises(BackendUnavailable, match="synres models pull"):
            load_captioner(chain.caption.choice)
        with pytest.raises(BackendUnavailable, match="synres models pull"):
            load_segmenter(chain.segment.choice)


def test_an_arm_of_no_spec_is_told_with_the_nearest() -> None:
    """As every other name."""
    with pytest.raises(NotFound, match="did you mean 'control'"):
        only_arm(load_spec(CONFIGS / "micro.yaml"), "contrl")
