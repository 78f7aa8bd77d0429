"""Tells where a triplet came from: the steps from its sample to its group in a finished run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from synres.domain.types import CaptionedSample, GroupedImage, SegmentedImage, SynthImage
from synres.errors import NotFound
from synres.ledger.keys import blob_key, record_key
from synres.ledger.records import Record
from synres.ledger.rows import decode_rows
from synres.ledger.runs import Commit, RunFolder
from synres.ports import ArtifactStore

_ROWS: dict[str, type[Any]] = {
    "caption": CaptionedSample,
    "generate": SynthImage,
    "segment": SegmentedImage,
    "group": GroupedImage,
}
"""In the order of the stages: what each one's "rows" hold."""

Row = CaptionedSample | SynthImage | SegmentedImage | GroupedImage


@dataclass(frozen=True, slots=True)
class Step:
    """One stage's row about the item, and the action that made it (`params` is canonical JSON)."""

    stage: str
    action: str
    model_digest: str
    params: str
    row: Row


@dataclass(frozen=True, slots=True)
class Trace:
    """`steps` from caption on; `shard` is the blob they start from; `ended` says why there are no more."""

    item: str
    shard: str
    steps: tuple[Step, ...]
    ended: str = ""


def trace_item(store: ArtifactStore, run: str, item: str) -> list[Trace]:
    """All ways to a picture's or sample's item in a finished run: one for each chain that holds it.

    Raises NotFound for an item that no row or rejection names, and for a run that is not finished.
    """
    folder = RunFolder(store, run)
    folder.spec()
    commit = folder.commit()
    if commit is None:
        raise NotFound(f"run {run} is not finished: run its spec again, then trace")
    traces = [*_Lineage(store, commit).traces(item), *_quarantined(commit, item)]
    if not traces:
        raise NotFound(f"item {item} is not in run {run}: give the whole `item` of a row or of a rejection")
    return traces


def _quarantined(commit: Commit, item: str) -> Iterator[Trace]:
    return (Trace(item, "", (), f"quarantined: {r.reason}") for r in commit.quarantined if r.item == item)


class _Lineage:
    def __init__(self, store: ArtifactStore, commit: Commit) -> None:
        self._store = store
        self._records = {
            a: Record.decode(store.get(record_key(s, a))) for s, a in commit.actions if s in _ROWS
        }
        self._made_by = {self._rows(action): action for action in self._records}

    def traces(self, item: str) -> Iterator[Trace]:
        for stage in reversed(_ROWS):
            found = [action for action in self._of_stage(stage) if self._row(stage, self._rows(action), item)]
            yield from (self._trace(self._rows(action), item, made_by=action) for action in found)
            if found:
                break
        for record in self._records.values():
            for rejection in record.body.rejections:
                if rejection.item == item:
                    stage, source = record.body.action.stage, record.body.action.inputs[0]
                    yield self._trace(source, item, f"{stage}: {rejection.reason}")

    def _of_stage(self, stage: str) -> Iterator[str]:
        return (action for action, record in self._records.items() if record.body.action.stage == stage)

    def _rows(self, action: str) -> str:
        return self._records[action].body.outputs["rows"]

    def _row(self, stage: str, digest: str, item: str) -> Row | None:
        data = self._store.get(blob_key(digest))
        if item.encode() not in data:
            return None
        return next((row for row in decode_rows(data, _ROWS[stage]) if _item(row) == item), None)

    def _trace(self, digest: str, item: str, ended: str = "", made_by: str | None = None) -> Trace:
        steps: list[Step] = []
        name, action = item, made_by or self._made_by.get(digest)
        while action is not None:
            asked = self._records[action].body.action
            row = self._row(asked.stage, digest, name)
            if row is None:
                break
            steps.insert(0, Step(asked.stage, action, asked.model_digest, asked.params, row))
            name = row.sample_item if isinstance(row, SynthImage) else name
            digest = asked.inputs[0]
            action = self._made_by.get(digest)
        return Trace(item, digest, tuple(steps), ended)


def _item(row: Row) -> str:
    return row.synth.item if isinstance(row, SegmentedImage | GroupedImage) else row.item
