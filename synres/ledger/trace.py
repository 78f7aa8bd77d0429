"""Tells where a triplet came from: the steps from its sample to its group in a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from synres.domain.types import (
    AlignedImage,
    CaptionedSample,
    GroupedImage,
    Rejection,
    SegmentedImage,
    Shortfall,
    SynthImage,
)
from synres.errors import NotFound
from synres.ledger.keys import blob_key, record_key
from synres.ledger.records import Record
from synres.ledger.rows import decode_rows
from synres.ledger.runs import Commit, RunFolder
from synres.ports import ArtifactStore

_ROWS: dict[str, type[Any]] = {
    "caption": CaptionedSample,
    "generate": SynthImage,
    "align": SynthImage,
    "segment": SegmentedImage,
    "group": GroupedImage,
}
"""In the order of the stages: what each one's "rows" hold."""
_ORDER = tuple(_ROWS)

_BESIDE: dict[str, tuple[str, type[Any]]] = {
    "caption": ("shortfalls", Shortfall),
    "align": ("alignment", AlignedImage),
}
"""Stages that leave more about an item: the output, and what it holds."""

Row = CaptionedSample | SynthImage | SegmentedImage | GroupedImage
Beside = Shortfall | AlignedImage


@dataclass(frozen=True, slots=True)
class Step:
    """One stage's row about the item, and the action that made it (`params` is canonical JSON).

    `beside` is what else the stage left about it: scores of align, a shortfall of caption.
    """

    stage: str
    action: str
    model_digest: str
    params: str
    row: Row
    beside: Beside | None = None


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
        self._makers: dict[str, list[str]] = {}
        for action in self._records:
            self._makers.setdefault(self._rows(action), []).append(action)

    def traces(self, item: str) -> Iterator[Trace]:
        for stage in reversed(_ROWS):
            found = [action for action in self._of_stage(stage) if self._row(stage, self._rows(action), item)]
            yield from (self._trace(action, self._rows(action), item) for action in found)
            if found:
                break
        for action, record in self._records.items():
            for rejection in record.body.rejections:
                if rejection.item == item:
                    source = record.body.action.inputs[0]
                    yield self._trace(self._maker(source, action), source, item, self._end(action, rejection))

    def _end(self, action: str, rejection: Rejection) -> str:
        beside = self._beside(action, rejection.item)
        scored = beside.expressions if isinstance(beside, AlignedImage) else ()
        scores = "".join(f"; {each.expression}: {each.score:.2f}" for each in scored)
        return f"{self._records[action].body.action.stage}: {rejection.reason}{scores}"

    def _beside(self, action: str, item: str) -> Beside | None:
        body = self._records[action].body
        output, kind = _BESIDE.get(body.action.stage, ("", object))
        if output not in body.outputs:
            return None
        rows: list[Beside] = decode_rows(self._store.get(blob_key(body.outputs[output])), kind)
        return next((row for row in rows if row.item == item), None)

    def _of_stage(self, stage: str) -> Iterator[str]:
        return (action for action, record in self._records.items() if record.body.action.stage == stage)

    def _rows(self, action: str) -> str:
        return self._records[action].body.outputs["rows"]

    def _row(self, stage: str, digest: str, item: str) -> Row | None:
        data = self._store.get(blob_key(digest))
        if item.encode() not in data:
            return None
        return next((row for row in decode_rows(data, _ROWS[stage]) if _item(row) == item), None)

    def _maker(self, digest: str, reader: str) -> str | None:
        """The action that made rows for the action `reader`: of two with equal rows, the one right before it.

        A stage that drops nothing passes on the very rows it was given.
        """
        rank: Callable[[str], int] = lambda action: _ORDER.index(self._records[action].body.action.stage)
        earlier = [action for action in self._makers.get(digest, ()) if rank(action) < rank(reader)]
        return max(earlier, key=rank, default=None)

    def _trace(self, action: str | None, digest: str, item: str, ended: str = "") -> Trace:
        """From the rows `digest`, which `action` made, back to the shard."""
        steps: list[Step] = []
        name = item
        while action is not None:
            asked = self._records[action].body.action
            row = self._row(asked.stage, digest, name)
            if row is None:
                break
            beside = self._beside(action, name)
            steps.insert(0, Step(asked.stage, action, asked.model_digest, asked.params, row, beside))
            name = row.sample_item if isinstance(row, SynthImage) and asked.stage == "generate" else name
            digest = asked.inputs[0]
            action = self._maker(digest, action)
        return Trace(item, digest, tuple(steps), ended)


def _item(row: Row) -> str:
    return row.synth.item if isinstance(row, SegmentedImage | GroupedImage) else row.item
