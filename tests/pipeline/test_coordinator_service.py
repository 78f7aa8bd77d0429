"""The coordinator behind gRPC: submit, ask, cancel, die and go on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from services.coordinator.desk import Desk
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import CostCapReached, InvalidInput, NotFound, SpecInvalid
from synres.ledger.file_store import FileStore
from synres.rpc.coordinator.v1 import coordinator_pb2 as pb
from tests.coordinators import serving
from tests.runs import SPEC, Between, instant_executor, spec_with, undisturbed_root


def test_a_submitted_run_ends_with_the_root_of_a_quiet_one(tmp_path: Path) -> None:
    """Submitting twice is one run; when it is over, its stages, root and cost are told."""
    with serving(tmp_path / "served") as client:
        run = client.ask("SubmitRun", spec=SPEC).run
        assert client.ask("SubmitRun", spec=SPEC).run == run
        found = client.wait_for(run, lambda found: found.state == pb.RUN_STATE_COMMITTED)
    assert found.merkle_root == undisturbed_root(tmp_path / "plain")
    assert {stage.stage: stage.done for stage in found.stages}["group"] == 3
    assert found.cost["images"] == 24


def test_a_cancelled_run_goes_on_when_it_is_submitted_again(tmp_path: Path) -> None:
    """CancelRun stops handing out; what is recorded stays, and the second half ends with the same root."""
    with serving(tmp_path / "served", delay_s=0.02) as client:
        run = client.ask("SubmitRun", spec=SPEC).run
        client.ask("CancelRun", run=run)
        stopped = client.wait_for(run, lambda found: found.state == pb.RUN_STATE_STOPPED)
        assert stopped.message == "cancelled; submit the spec again to go on"
        client.ask("SubmitRun", spec=SPEC)
        found = client.wait_for(run, lambda found: found.state == pb.RUN_STATE_COMMITTED)
    assert found.merkle_root == undisturbed_root(tmp_path / "plain")


def test_a_run_that_is_cancelled_and_wanted_again_at_once_goes_on(tmp_path: Path) -> None:
    """The request that comes while the old driver is still stopping is not lost."""
    with serving(tmp_path / "served", delay_s=0.02) as client:
        run = client.ask("SubmitRun", spec=SPEC).run
        client.ask("CancelRun", run=run)
        client.ask("SubmitRun", spec=SPEC)
        client.wait_for(run, lambda found: found.state == pb.RUN_STATE_COMMITTED)


def test_a_new_service_goes_on_with_what_the_old_one_was_asked_for(tmp_path: Path) -> None:
    """Requests lie in the store: the service that took one may be gone (L6)."""
    store = FileStore(tmp_path / "served")
    old = Desk(store, Between(instant_executor(store, delay_s=0.05)))
    run = old.submit(spec_with())
    old.close()
    with serving(tmp_path / "served") as client:
        found = client.wait_for(run, lambda found: found.state == pb.RUN_STATE_COMMITTED)
    assert found.merkle_root == undisturbed_root(tmp_path / "plain")


def test_a_run_that_stopped_itself_says_why(tmp_path: Path) -> None:
    """The message of a reached cap is there for whoever asks."""
    with serving(tmp_path) as client:
        run = client.ask("SubmitRun", spec=SPEC.replace("patience_s: 30", "caps: {max_images: 8}")).run
        found = client.wait_for(run, lambda found: found.state == pb.RUN_STATE_STOPPED)
    assert found.message.startswith(f"{CostCapReached.code}: 8 images are spent")


def test_a_fault_of_ours_stops_the_run_and_is_told(tmp_path: Path) -> None:
    """A driver that broke is not "running" for ever."""
    store = FileStore(tmp_path)

    class Broken(Between):
        def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
            self.calls["model"] += 1
            if self.calls["model"] > 6:
                raise ZeroDivisionError("a fault")
            return super().model(stage, choice)

    desk = Desk(store, Broken(instant_executor(store)))
    run = desk.submit(spec_with())
    deadline_s = time.monotonic() + 10
    while desk.watch(run) is not None and time.monotonic() < deadline_s:
        time.sleep(0.02)
    request = desk.request(run)
    assert request is not None
    assert request.stopped == "ZeroDivisionError: a fault"


def test_runs_are_listed_in_pages(tmp_path: Path) -> None:
    """A page ends with the token of the next; the last one has none."""
    with serving(tmp_path) as client:
        runs = sorted(
            client.ask("SubmitRun", spec=SPEC.replace("seed: 7", f"seed: {n}")).run for n in range(3)
        )
        first = client.ask("ListRuns", page_size=2)
        second = client.ask("ListRuns", page_size=2, page_token=first.next_page_token)
        for run in runs:
            client.wait_for(run, lambda found: found.state == pb.RUN_STATE_COMMITTED)
    assert [run.run for run in (*first.runs, *second.runs)] == runs
    assert not second.next_page_token


def test_bad_requests_are_told_in_the_words_of_our_errors(tmp_path: Path) -> None:
    """A wrong spec, an unknown run and an enormous page are the caller's."""
    with serving(tmp_path) as client:
        with pytest.raises(SpecInvalid, match="did you mean 'steps'"):
            client.ask("SubmitRun", spec=SPEC.replace("steps: 1", "step: 1"))
        for method in ("GetRun", "CancelRun"):
            with pytest.raises(NotFound, match="abc"):
                client.ask(method, run="abc")
        with pytest.raises(InvalidInput, match="page_size"):
            client.ask("ListRuns", page_size=5000)
