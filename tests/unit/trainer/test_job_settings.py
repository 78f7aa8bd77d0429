"""The deployment's file about Jobs: read once, and refused in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.trainer.job_settings import load_job_settings
from synres.errors import SettingInvalid

GOOD = "{namespace: ns, namePrefix: r, image: trainer:1, serviceAccountName: t, nodes: 2, subdomain: s}"


def _load(folder: Path, text: str) -> object:
    (folder / "job.yaml").write_text(text)
    return load_job_settings(folder / "job.yaml")


def test_fields_are_written_as_kubernetes_writes_them(tmp_path: Path) -> None:
    """In camel case."""
    assert getattr(_load(tmp_path, GOOD), "name_prefix") == "r"  # noqa: B009


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("nodes", "node"), "node: Extra inputs"),
        (GOOD.replace(", subdomain: s", ""), "need a subdomain"),
        (GOOD.replace("image: trainer:1, ", ""), "image: Field required"),
        (GOOD.replace("namePrefix: r", "namePrefix: R_"), "namePrefix: String should match"),
        ("a: b: c", "is no YAML"),
        ("", "the file: Input should be"),
    ],
)
def test_a_wrong_file_is_told_with_its_field(tmp_path: Path, text: str, said: str) -> None:
    """Variable, file, field and what is wrong with it."""
    with pytest.raises(SettingInvalid, match=r"SYNRES_JOB_SETTINGS.*job\.yaml") as refused:
        _load(tmp_path, text)
    assert said in refused.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its path."""
    with pytest.raises(SettingInvalid, match="cannot read"):
        load_job_settings(tmp_path / "job.yaml")
