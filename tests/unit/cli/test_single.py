"""`caption` and `generate`: one picture, one prompt, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app
from synres.data.images import decode_image, encode_png
from synres.errors import BackendUnavailable, InvalidInput, NotFound

RUN = CliRunner()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red square on grey, 40 x 60 pixels."""
    image = np.full((40, 60, 3), 128, np.uint8)
    image[10:20, 5:15] = (220, 20, 20)
    path = tmp_path / "picture.png"
    path.write_bytes(encode_png(image))
    return path


def run(*words: object) -> Result:
    result = RUN.invoke(app, [str(word) for word in words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_an_object_is_named_from_its_box_or_its_mask(picture: Path, tmp_path: Path) -> None:
    """Both say where it is; the same pixels and seed give the same expressions."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:20, 5:15] = 255
    (tmp_path / "mask.png").write_bytes(encode_png(mask))
    boxed = run("caption", picture, "--box", "5,10,10,10", "--category", "square", "-n", 2)
    masked = run("caption", picture, "--mask", tmp_path / "mask.png", "--category", "square", "-n", 2)
    assert boxed.stdout == masked.stdout
    assert len(boxed.stdout.strip().splitlines()) == 2
    assert "red" in boxed.stdout
    facts = json.loads(run("caption", picture, "--box", "5,10,10,10", "-n", 2, "--json").stdout)
    assert (facts["model"], facts["licence"], len(facts["expressions"])) == ("attributes", "Apache-2.0", 2)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ((), "say where the object is"),
        (("--box", "1,1,2,2", "--mask", "x.png"), "say where the object is"),
        (("--box", "1,1,2"), "give x,y,width,height"),
        (("--box", "1,1,60,2"), "leaves the picture of 60 x 40 pixels"),
        (("--box", "1,1,0,2"), "leaves the picture"),
    ],
)
def test_where_the_object_is_must_be_said_once_and_right(picture: Path, where: tuple[str], said: str) -> None:
    """The sentence shows the form."""
    with pytest.raises(InvalidInput, match=said):
        run("caption", picture, *where)


def test_a_mask_of_another_size_or_without_an_object_is_refused(picture: Path, tmp_path: Path) -> None:
    """Nothing is guessed."""
    (tmp_path / "small.png").write_bytes(encode_png(np.ones((3, 4), np.uint8)))
    (tmp_path / "black.png").write_bytes(encode_png(np.zeros((40, 60), np.uint8)))
    with pytest.raises(InvalidInput, match=r"small\.png is \(3, 4\), the picture \(40, 60\)"):
        run("caption", picture, "--mask", tmp_path / "small.png")
    with pytest.raises(InvalidInput, match=r"black\.png is black"):
        run("caption", picture, "--mask", tmp_path / "black.png")
    with pytest.raises(NotFound, match="nowhere"):
        run("caption", tmp_path / "nowhere.png", "--box", "1,1,2,2")


def test_a_prompt_becomes_pictures(tmp_path: Path) -> None:
    """One for each seed, and the same for the same seed."""
    prompt = ("generate", "a small red circle", "--backend", "procedural", "-o", tmp_path / "p.png")
    assert run(*prompt, "--seed", 4).stdout.strip().endswith("p.png")
    facts = json.loads(run(*prompt, "--seed", 3, "-n", 2, "--json").stdout)
    assert [Path(fact["file"]).name for fact in facts["pictures"]] == ["p-3.png", "p-4.png"]
    assert (tmp_path / "p-4.png").read_bytes() == (tmp_path / "p.png").read_bytes()
    assert decode_image((tmp_path / "p.png").read_bytes()).shape == (96, 96, 3)


def test_what_cannot_be_drawn_here_is_said(tmp_path: Path, models_dir: Path) -> None:
    """A backend that needs a run, an option that there is not, a model that is not here, a bad place."""
    with pytest.raises(InvalidInput, match="backend cutpaste cuts its object out of a picture"):
        run("generate", "a cat", "--backend", "cutpaste")
    with pytest.raises(InvalidInput, match="backend procedural has no options"):
        run("generate", "a red circle", "--backend", "procedural", "--option", "steps=2")
    with pytest.raises(InvalidInput, match="give NAME=VALUE"):
        run("generate", "a red circle", "--option", "steps")
    with pytest.raises(BackendUnavailable, match="run `synres models pull own/Model`"):
        run(
            "caption", "--backend", "coca", "--model", "own/Model", "--box", "0,0,1,1", _any_picture(tmp_path)
        )
    with pytest.raises(InvalidInput, match="does not exist; make it first"):
        run("generate", "a red circle", "--backend", "procedural", "-o", tmp_path / "no" / "p.png")


def _any_picture(folder: Path) -> Path:
    path = folder / "any.png"
    path.write_bytes(encode_png(np.zeros((2, 2, 3), np.uint8)))
    return path
