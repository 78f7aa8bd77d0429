"""`synres demo` on a micro world of a few pictures: every stage, the tables, the sheet, and nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.results import audits, load_results
from synres.data.images import decode_image
from synres.ledger.keys import blob_key
from synres.ledger.stores import open_store
from synres.spec_yaml import load_spec

SPEC = """
synres: 1
name: tiny
seed: 3
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 12, seed: 3}
    validation: {kind: microworld, split: validation, scenes: 3}
    dev: {kind: microworld, split: dev, scenes: 2, domains: [day, fog]}
  synthesis:
    procedural:
      dataset: real
      samples: 4
      shard_size: 2
      caption: {backend: micro, expressions_per_prompt: 5}
      generate: {backend: procedural, images_per_prompt: 2}
      segment: {backend: micro}
      group: {tau: %s}
  arms:
    real: &arm
      backend: micro
      data: {refer_seg: real}
      mixture: {sem_seg: 0, refer_seg: 1, vqa: 0, reason_seg: 0, synres: 0}
      steps: 2
      batch_size: 2
    synres:
      <<: *arm
      data: {refer_seg: real, synres: procedural}
      mixture: {sem_seg: 0, refer_seg: 1, vqa: 0, reason_seg: 0, synres: 1}
      mosaic: {probability: 1.0}
  benchmarks: [dev, validation]
  evaluate: {baseline: real}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds spec, store and output of all tests here: each goes on where the one before stopped."""
    return tmp_path_factory.mktemp("demo")


def _demo(folder: Path, tau: float) -> dict:
    spec = folder / f"tau{tau}.yaml"
    spec.write_text(SPEC % tau)
    command = [
        "demo",
        "--spec",
        str(spec),
        "--store",
        str(folder / "store"),
        "-o",
        str(folder / "out"),
        "--json",
    ]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_the_demo_ends_with_tables_and_a_sheet(folder: Path) -> None:
    """Two arms are compared, ITAG is audited against the oracle, and the sheet is a picture."""
    document = _demo(folder, 0.65)
    assert set(document["comparison"]["scores"]["giou"]) == {"real", "synres"}
    assert document["comparison"]["differences"]
    assert document["itag"]["procedural"]["rows"]
    assert document["chains"]["procedural"]["pictures"] == 8
    assert document["computed"] == document["planned"] > 0
    sheet = next(Path(path) for path in document["files"] if path.endswith("procedural.png"))
    assert decode_image(sheet.read_bytes()).shape[1] > 1000


def test_the_second_demo_computes_nothing(folder: Path) -> None:
    """Not one task; the same root, the same numbers."""
    first, second = _demo(folder, 0.65), _demo(folder, 0.65)
    assert second["computed"] == 0
    assert (second["merkle_root"], second["comparison"]) == (first["merkle_root"], first["comparison"])


def test_another_tau_computes_grouping_and_what_follows(folder: Path) -> None:
    """Two shards are grouped, one arm trained, and that arm evaluated on two benchmarks."""
    _demo(folder, 0.65)
    assert _demo(folder, 0.97)["computed"] == 2 + 1 + 2


def test_without_oracle_there_is_no_audit_and_the_rest_stays(folder: Path) -> None:
    """The exact masks are deleted: nothing is computed again, nothing but the audit is gone."""
    document = _demo(folder, 0.65)
    store = open_store(str(folder / "store"))
    spec = load_spec(folder / "tau0.65.yaml")
    results = load_results(store, document["run"], spec)
    assert audits(results)
    for digest in results.outputs("generate", "procedural", "oracle"):
        store.delete(blob_key(digest))
    again = _demo(folder, 0.65)
    assert (again["computed"], again["itag"]) == (0, {})
    assert again["comparison"] == document["comparison"]
