"""What a coordinator service is asked for: answered at once, confined, kept, and never overwritten."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from services.coordinator.desk import Desk
from synres.errors import InternalError, InvalidInput, NotFound, UnsafePath
from synres.ledger.file_store import FileStore
from synres.ledger.runs import RunFolder
from synres.ports import ShardRequest
from synres.rpc.coordinator.v1 import coordinator_pb2 as pb
from tests.coordinators import serving
from tests.runs import SPEC, Between, instant_executor, spec_with

RENDERED = "real: {kind: microworld, split: train, scenes: 12}"


def photos(annotations: str = "photos.json", images: str = "images") -> str:
    """A spec whose real pictures are files."""
    return SPEC.replace(RENDERED, f"real: {{kind: coco, annotations: {annotations!r}, images: {images!r}}}")


@pytest.fixture
def datasets_dir(tmp_path: Path) -> Path:
    """Annotations that are no JSON, and an empty folder of pictures."""
    (tmp_path / "datasets" / "images").mkdir(parents=True)
    (tmp_path / "datasets" / "photos.json").write_text("{")
    return tmp_path / "datasets"


def test_a_run_is_answered_at_once_and_read_in_its_own_thread(tmp_path: Path) -> None:
    """Ten thousand scenes are not drawn within the call; meanwhile the run says so, and can be cancelled."""
    with serving(tmp_path) as client:
        started_s = time.monotonic()
        run = client.ask("SubmitRun", spec=SPEC.replace("scenes: 12", "scenes: 10000")).run
        assert time.monotonic() - started_s < 2.0
        found = client.ask("GetRun", run=run).run
        assert (found.state, found.message) == (pb.RUN_STATE_RUNNING, "its datasets are being read")
        assert [listed.run for listed in client.ask("ListRuns").runs] == [run]
        client.ask("CancelRun", run=run)
        client.wait_for(run, lambda found: found.state == pb.RUN_STATE_STOPPED)


def test_a_dataset_that_cannot_be_read_stops_the_run_with_its_sentence(
    tmp_path: Path, datasets_dir: Path
) -> None:
    """Whoever submitted it has long had an answer: the state tells."""
    with serving(tmp_path / "store", datasets_dir=datasets_dir) as client:
        run = client.ask("SubmitRun", spec=photos()).run
        found = client.wait_for(run, lambda found: found.state == pb.RUN_STATE_STOPPED)
    assert found.message.startswith("INVALID_INPUT: ")
    assert "photos.json" in found.message


def test_a_coordinator_without_a_folder_of_datasets_reads_no_file(tmp_path: Path) -> None:
    """The sentence names the setting."""
    with serving(tmp_path) as client, pytest.raises(InvalidInput, match="set SYNRES_DATASETS_DIR"):
        client.ask("SubmitRun", spec=photos())


@pytest.mark.parametrize(
    ("annotations", "images"),
    [
        ("/etc/hostname", "images"),
        ("../secret.json", "images"),
        ("photos.json", "../"),
        ("photos.json", "linked"),
        ("linked.json", "images"),
    ],
)
def test_a_submitted_spec_reads_nothing_beyond_that_folder(
    tmp_path: Path, datasets_dir: Path, annotations: str, images: str
) -> None:
    """Absolute paths, `..` and links that lead out are refused, before anything is opened."""
    (tmp_path / "secret.json").write_text(json.dumps({"secret": 1}))
    (datasets_dir / "linked").symlink_to(tmp_path)
    (datasets_dir / "linked.json").symlink_to(tmp_path / "secret.json")
    with serving(tmp_path / "store", datasets_dir=datasets_dir) as client:
        with pytest.raises(UnsafePath, match=r"give a path below datasets/|put the file itself there"):
            client.ask("SubmitRun", spec=photos(annotations, images))
        assert not client.ask("ListRuns").runs


def test_a_request_that_cannot_be_read_is_told_and_stops_nobody(tmp_path: Path) -> None:
    """The service starts, goes on with the other requests, and says what is wrong with that one."""
    store = FileStore(tmp_path)
    old = Desk(store, instant_executor(store, delay_s=0.05))
    run = old.submit(spec_with())
    old.close()
    store.put("runs/torn/request.json", b"{")
    store.put("runs/older/request.json", json.dumps({"spec": '{"synres": 0}'}).encode())
    with serving(tmp_path) as client:
        client.wait_for(run, lambda found: found.state == pb.RUN_STATE_COMMITTED)
        for unreadable, why in (("torn", "Input data was truncated"), ("older", "synres: Input should be 1")):
            found = client.ask("GetRun", run=unreadable).run
            said = f"runs/{unreadable}/request.json cannot be read, so submit the spec again: {why}"
            assert (found.state, found.message) == (pb.RUN_STATE_STOPPED, said)
        assert {listed.run for listed in client.ask("ListRuns").runs} == {run, "torn", "older"}
        with pytest.raises(NotFound):
            client.ask("GetRun", run="never")


def test_a_request_that_comes_while_the_run_is_failing_is_not_lost(tmp_path: Path) -> None:
    """What the ending driver writes down must not hide what was asked for meanwhile."""
    store, reached, released = FileStore(tmp_path), threading.Event(), threading.Event()

    def fail_once(request: ShardRequest) -> None:
        if request.stage == "train" and not released.is_set():
            reached.set()
            released.wait(10)
            raise InternalError("the first driver fails")

    desk = Desk(store, Between(instant_executor(store), fail_once))
    run = desk.submit(spec_with(("patience_s: 30", "max_attempts: 1")))
    assert reached.wait(20)
    assert desk.submit(spec_with(("patience_s: 30", "max_attempts: 2"))) == run
    released.set()
    deadline_s = time.monotonic() + 20
    while RunFolder(store, run).commit() is None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    desk.close()
    assert RunFolder(store, run).commit() is not None
    assert desk.request(run) is None


def test_a_run_whose_data_changed_since_it_was_asked_for_says_so(tmp_path: Path) -> None:
    """Another model since then would be another run under the promised id."""
    store = FileStore(tmp_path)
    old = Desk(store, instant_executor(store, delay_s=0.05))
    run = old.submit(spec_with())
    old.close()
    new = Desk(store, instant_executor(store, version=2))
    new.resume()
    deadline_s = time.monotonic() + 20
    while new.watch(run) is not None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    request = new.request(run)
    assert request is not None
    assert request.stopped.startswith("INVALID_INPUT: models or datasets changed since run")
