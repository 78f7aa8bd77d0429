"""The wheel holds what the commands need: specs, weights, and an entry point that listens to Ctrl-C."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
LOAD = """
from services.cli.demo import CONFIGS
from synres.spec_yaml import load_spec
print(CONFIGS)
print(*sorted(file.name for file in CONFIGS.iterdir() if load_spec(file)))
"""


def _run(folder: Path, *command: str, **environment: str) -> str:
    ended = subprocess.run(
        [sys.executable, *command], cwd=folder, env=os.environ | environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's files, built from a copy so that nothing is left in the checkout."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("site")
    without = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("synres", "services", "configs"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=without)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    _run(source, "-W", "ignore", "-c", BUILD, str(target))
    (wheel,) = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


def test_the_specs_of_demo_and_study_are_in_the_wheel(installed: Path) -> None:
    """All of `configs/`, read from where the wheel puts them, with no checkout near."""
    folder, names = _run(installed.parent, "-c", LOAD, PYTHONPATH=str(installed)).splitlines()
    assert Path(folder) == installed / "services" / "cli" / "configs"
    assert not Path(folder).is_symlink()
    assert names.split() == sorted(file.name for file in (ROOT / "configs").iterdir())


def test_weights_with_their_digests_are_in_the_wheel(installed: Path) -> None:
    """Every file of a weights folder."""
    shipped = {file.relative_to(ROOT) for root in ("synres", "services")
               for file in (ROOT / root).rglob("weights/*") if file.is_file()}  # fmt: skip
    assert shipped
    assert [path for path in shipped if not (installed / path).is_file()] == []


def test_the_tables_of_nouns_bring_their_licences(installed: Path) -> None:
    """WordNet's asks to be with every copy; COCO's and LVIS's ask for their names."""
    folder = installed / "services" / "trainer"
    wordnet = (folder / "superclasses.json").read_text()
    assert "Permission to use, copy, modify and distribute this software" in wordnet
    assert "LVIS Consortium" in wordnet
    assert "Creative Commons Attribution 4.0, COCO" in (folder / "coco_categories.json").read_text()


def test_the_playground_is_in_the_wheel(installed: Path) -> None:
    """Every file that the page asks for, and the description of the API."""
    web = Path("services") / "segmenter" / "web"
    shipped = [*(ROOT / web / "static").iterdir(), ROOT / web / "openapi.json"]
    assert [file.name for file in shipped if not (installed / file.relative_to(ROOT)).is_file()] == []


def test_the_command_is_the_package(installed: Path) -> None:
    """`synres` begins as `python -m services.cli` does."""
    (entry,) = installed.glob("*.dist-info/entry_points.txt")
    assert "synres = services.cli.__main__:main" in entry.read_text()
