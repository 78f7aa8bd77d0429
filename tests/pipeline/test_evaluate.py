"""`synres evaluate`: one, two or killed processes give the same numbers, and a picture is encoded once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from services.cli.main import app
from services.trainer.backends.micro import MicroEvaluated
from synres.data.images import decode_image
from synres.domain.types import ModelInfo, OpenTriplet
from synres.ledger.ledger import Ledger
from synres.microworld.datasets import real_validation
from synres.models.micro import load_micro_res
from synres.stages.evaluate import evaluate_picture
from tests.fakes import MemoryStore
from tests.tiny_res import register_lisa
from tests.trainings import put_triplets
from tests.unit.data.readers.layouts import ref, write_refcoco

torch.set_num_threads(1)
BENCHMARK = "microworld/dev/20"
SPEC = """
synres: 1
name: tiny
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 4}
    test: {kind: microworld, split: test, scenes: 2}
  arms:
    base: {backend: micro, data: {}, steps: 0}
  benchmarks: [test]
"""
PATIENCE_S = 120


def _evaluate(*arguments: str) -> dict:
    ended = CliRunner().invoke(app, ["evaluate", *arguments, "--json"], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def _process(store: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "services.cli", "evaluate", "micro", BENCHMARK, "--store", str(store)]
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """The report of one process."""
    return _evaluate("micro", BENCHMARK, "--store", str(tmp_path_factory.mktemp("one")))


def test_several_processes_give_the_numbers_of_one(tmp_path: Path, undisturbed: dict) -> None:
    """Not nearly, but exactly; and the report says what was asked and how it was answered."""
    found = _evaluate("micro", BENCHMARK, "--store", str(tmp_path), "--workers", "2")
    assert found == undisturbed
    scores = found["benchmarks"][BENCHMARK]["scores"]["micro"]
    assert scores["protocol"] == "none" and scores["slices"]["all"]["expressions"] == 80
    assert found["checkpoints"]["micro"]["licence"] == "Apache-2.0"


def test_a_killed_evaluation_continues(tmp_path: Path, undisturbed: dict) -> None:
    """After SIGKILL its own processes end too; what was scored is kept, and the report is the same."""
    with _process(tmp_path, "--workers", "2") as process:
        _wait(lambda: _records(tmp_path) or process.poll() is not None)
        children = _children(process.pid)
        process.send_signal(signal.SIGKILL)
    _wait(lambda: not any(_is_running(child) for child in children))
    kept = {path: path.stat().st_mtime_ns for path in _records(tmp_path)}
    assert kept
    assert _evaluate("micro", BENCHMARK, "--store", str(tmp_path)) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_an_arm_of_a_run_has_the_score_of_its_run(tmp_path: Path) -> None:
    """On the same scenes; against itself the difference is nought; the report is written with a gallery."""
    spec, store, folder = tmp_path / "tiny.yaml", str(tmp_path / "store"), tmp_path / "report"
    spec.write_text(SPEC)
    ended = CliRunner().invoke(app, ["run", str(spec), "--store", store, "--json"], catch_exceptions=False)
    expected = json.loads(ended.stdout)["comparison"]["scores"]["giou"]["base"]["ID"]["mean"]
    options = ("--store", store, "--against", "tiny:base", "-o", str(folder))
    found = _evaluate("tiny:base", "microworld/test/2", *options)
    report = found["benchmarks"]["microworld/test/2"]
    slices = report["scores"]["tiny:base"]["slices"]
    assert slices["domain day"]["scores"]["lisa"]["giou"]["value"] == pytest.approx(expected, abs=1e-12)
    assert report["differences"]["all"]["lisa"]["giou"] == {"difference": 0, "low": 0, "high": 0}
    assert json.loads((folder / "report.json").read_text()) == found
    assert decode_image((folder / "microworld-test-2-worst.png").read_bytes()).shape[1] > 1000


def test_a_refcoco_folder_becomes_a_table_of_numbers(tmp_path: Path) -> None:
    """From `refs(unc).p` on disk to measures by split; what cannot be read is counted."""
    told = [ref(1, 7, 1, "man left", "the man", split="testA"), ref(2, 8, 2, "dogs", split="val"),
            ref(3, 9, 3, "gone", split="testA")]  # fmt: skip
    write_refcoco(tmp_path, told)
    next(tmp_path.rglob("*000000000003.jpg")).unlink()
    options = ("--data", str(tmp_path), "--store", str(tmp_path / "store"))
    found = _evaluate("micro", "refcoco/testA", "refcoco/val", *options)["benchmarks"]
    assert list(found) == ["refcoco/testA", "refcoco/val"]
    assert found["refcoco/testA"]["benchmark"]["refused"] == {"image_missing": 1}
    counted = [found[name]["scores"]["micro"]["slices"]["all"]["expressions"] for name in found]
    assert counted == [2, 1]


def test_a_picture_is_encoded_once_for_all_its_expressions() -> None:
    """Counted by a hook in the network's encoder, over pictures with several expressions each."""
    ledger, network = Ledger(MemoryStore()), load_micro_res(None)
    rows = ledger.get_rows(put_triplets(ledger, real_validation(3, 6)), OpenTriplet)
    encoded = []
    network.image.register_forward_hook(lambda *call: encoded.append(call))
    segmenter = MicroEvaluated(network, ModelInfo("micro", "0" * 64, "Apache-2.0", bitwise=True))
    by_picture = [
        [row for row in rows if row.item == item] for item in dict.fromkeys(row.item for row in rows)
    ]
    found = [row for picture in by_picture for row in evaluate_picture(ledger, segmenter, picture)]
    assert len(encoded) == len(by_picture) == 6
    assert len(found) == len(rows) > 6


def test_every_report_says_how_the_model_answered(tmp_path: Path, models_dir: Path) -> None:
    """A LISA answers in both protocols by option, from its name or its folder, each in actions of its own."""
    folder = models_dir / register_lisa(models_dir).replace("/", "--")
    found = {}
    for protocol in ("teacher_forced", "generated"):
        options = ("--store", str(tmp_path / "store"), "--option", f"protocol={protocol}")
        report = _evaluate(str(folder), "microworld/dev/1", *options)["benchmarks"]["microworld/dev/1"]
        found[protocol] = report["scores"][str(folder)]
        assert found[protocol]["protocol"] == protocol
        assert (
            found[protocol]["slices"]["all"]["expressions"] + sum(found[protocol]["rejected"].values()) == 10
        )
    assert len(_records(tmp_path / "store")) == 2


def _records(store: Path) -> list[Path]:
    return sorted((store / "ac" / "evaluate").rglob("*.json"))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def _wait(is_so: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.05)
