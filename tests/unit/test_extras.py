"""A backend whose packages are not installed is told with what installs them, never by a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from synres.errors import BackendUnavailable
from synres.extras import needs_extra

ROOT = Path(__file__).parents[2]
WITHOUT = """
import sys

for package in {packages}:
    sys.modules[package] = None
from services.cli.main import main

main()
"""


def without(packages: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    """`synres words` where `packages` cannot be imported."""
    command = [sys.executable, "-c", WITHOUT.format(packages=packages), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    ("packages", "words", "wanted"),
    [
        (["sentencepiece"], ("segment", "{picture}", "x", "--backend", "lisa"), "synres[segmenter]"),
        (["onnx"], ("models", "export-onnx", "micro"), "synres[export]"),
    ],
)
def test_a_missing_package_is_a_missing_backend(
    packages: list[str], words: tuple[str, ...], wanted: str
) -> None:
    """Exit code 3, one sentence, and the command that helps."""
    picture = str(ROOT / "docs/images/contact-sheet.png")
    ended = without(packages, *(word.format(picture=picture) for word in words))
    assert ended.returncode == 3, ended.stderr
    assert f"{packages[0]} is not installed" in ended.stderr and wanted in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_module_of_ours_that_is_missing_is_a_fault_of_ours() -> None:
    """It is no package that anybody could install."""
    with pytest.raises(ModuleNotFoundError), needs_extra("segmenter"):
        import synres.nowhere  # noqa: F401
    with (
        pytest.raises(BackendUnavailable, match="no_such_package is not installed"),
        needs_extra("segmenter"),
    ):
        import no_such_package  # noqa: F401
