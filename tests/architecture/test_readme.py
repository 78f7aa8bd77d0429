"""What README and docs tell a person to type exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from services.cli.main import app
from synres.spec_yaml import load_spec

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def _code_lines(page: Path) -> list[str]:
    blocks = re.findall(r"```[a-z]*\n(.*?)```", page.read_text(), flags=re.S)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]


def _options(words: list[str]) -> set[str]:
    """Options of the command that `words` name; fails for a command that is not there."""
    command = typer.main.get_command(app)
    for word in words:
        if not hasattr(command, "commands"):
            break
        assert word in command.commands, f"there is no command {word!r}"
        command = command.commands[word]
    return {option for param in command.params for option in param.opts}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_make_targets_exist(page: Path) -> None:
    """`make x` on a page is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M))
    named = {line.split()[1] for line in _code_lines(page) if line.startswith("make ")}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_named_commands_and_options_exist(page: Path) -> None:
    """`synres x --y` on a page is a command with that option."""
    for line in _code_lines(page):
        if line.startswith("synres "):
            words = re.sub(r'"[^"]*"', "TEXT", line).split()[1:]
            assert {w for w in words if w.startswith("--")} <= _options(words), line


def test_whole_specs_on_pages_are_sound(tmp_path: Path) -> None:
    """A block that begins as a spec does can be saved and run as it stands."""
    blocks = [
        block for page in PAGES for block in re.findall(r"```yaml\n(synres: .*?)```", page.read_text(), re.S)
    ]
    assert len(blocks) >= 2
    for number, block in enumerate(blocks):
        (tmp_path / f"{number}.yaml").write_text(block)
        assert load_spec(tmp_path / f"{number}.yaml").method.arms


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link or picture is a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_help_is_instant() -> None:
    """`synres --help` runs and names the demo first."""
    command = [sys.executable, "-m", "services.cli", "--help"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "synres demo" in shown
