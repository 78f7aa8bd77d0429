"""What remains, for the metric that autoscalers read."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import REGISTRY

from services.coordinator.events import Event, Repairing, RunStarted, Surveyed
from services.coordinator.run import run_spec, status
from services.coordinator.watch import Watch, measure
from synres.ledger.file_store import FileStore
from synres.ledger.keys import blob_key, record_key
from synres.ledger.ledger import Ledger
from synres.ledger.links import artifact_refs
from synres.ledger.runs import list_runs
from tests.runs import instant_executor, spec_with


def _backlog(stage: str) -> float:
    return REGISTRY.get_sample_value("synres_stage_backlog", {"stage": stage}) or 0.0


def test_the_backlog_is_what_remains_over_all_runs() -> None:
    """Two runs add up; when one is over, its part is gone."""
    first, second = Watch(), Watch()
    first(RunStarted("a", {"caption": 9, "train": 1}, {"caption": 2}))
    second(RunStarted("b", {"caption": 5}, {}))
    measure([first, second])
    assert (_backlog("caption"), _backlog("train")) == (12, 1)
    first(Surveyed({"caption": 8, "train": 0}))
    measure([first, second])
    assert _backlog("caption") == 6
    measure([second])
    assert (_backlog("caption"), _backlog("train")) == (5, 0)


def test_what_is_made_again_counts_once(tmp_path: Path) -> None:
    """After a repair the counts are those of the plan: a shard that was done twice is one shard."""
    store, watch, told = FileStore(tmp_path), Watch(), list[Event]()
    run_spec(spec_with(), store, instant_executor(store))
    (run,) = list_runs(store)
    records = status(store, run).records
    rows = Ledger(store).get_blob(records["generate/main/00001"].outputs["rows"])
    picture = next(ref for ref in artifact_refs(rows) if ref.media_type == "image/png")
    store.delete(blob_key(picture.digest))
    store.delete(record_key("segment", records["segment/main/00001"].action))

    def listen(event: Event) -> None:
        watch(event)
        told.append(event)
        if isinstance(event, Repairing):
            assert event.node not in watch.in_flight

    run_spec(spec_with(), store, instant_executor(store), listen)
    assert any(isinstance(event, Repairing) for event in told)
    assert watch.done == watch.planned
    assert set(watch.backlog().values()) == {0}
