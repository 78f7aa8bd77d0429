"""A finished run of one sample with every stage's rows, for tests that read one."""

from __future__ import annotations

from dataclasses import dataclass

from synres.domain.types import (
    Agreement,
    ArtifactRef,
    CaptionedSample,
    Group,
    GroupedImage,
    PseudoMask,
    Rejection,
    Rle,
    Sample,
    SceneObject,
    SegmentedImage,
    SynthImage,
)
from synres.ledger.ledger import Ledger
from synres.ledger.merkle import merkle_root
from synres.ledger.records import Action, Body, Meta, Record
from synres.ledger.runs import Commit, RunFolder
from synres.ports import ArtifactStore

RUN = "small"
MASK = Rle((2, 2), "13")
STAGES = ("caption", "generate", "segment", "group")


@dataclass(frozen=True)
class SmallRun:
    """What was written: the records in the order of the stages, and the blobs that hold no rows."""

    records: dict[str, Record]
    sample: Sample
    synth: SynthImage
    shard: str
    pictures: tuple[str, str]
    commit: Commit

    def action(self, stage: str) -> str:
        return self.records[stage].body.action.digest()

    def rows(self, stage: str) -> str:
        return self.records[stage].body.outputs["rows"]


def picture(ledger: Ledger, name: str) -> ArtifactRef:
    """Bytes that stand for a picture."""
    return ledger.put_blob(f"picture {name}".encode(), "image/png")


def record(ledger: Ledger, stage: str, source: str, rows: list[object], **more: object) -> Record:
    """Commits a record of `stage` whose "rows" are `rows`."""
    outputs = {"rows": ledger.put_rows(rows).digest}
    body = Body(Action(stage, 1, "model", "{}", (source,)), outputs, **more)  # type: ignore[arg-type]
    return ledger.commit_record(Record(body, Meta(host="here")))


def write_small_run(store: ArtifactStore, run: str = RUN, tau: str = "0.65") -> SmallRun:
    """caption -> generate (with an oracle) -> segment -> group, and COMMIT."""
    ledger = Ledger(store)
    real, made = picture(ledger, "real"), picture(ledger, "made")
    scene = ledger.put_rows([SceneObject("dog", MASK)])
    sample = Sample(real, MASK, "cat", scene=scene)
    shard = ledger.put_rows([sample]).digest
    rejected = (Rejection("f" * 64, "empty_mask"),)
    captioned = CaptionedSample(sample.item, sample, (("the cat",),))
    caption = record(ledger, "caption", shard, [captioned], rejections=rejected)
    synth = SynthImage("5" * 64, sample.item, ("the cat",), "the cat", made, (2, 2))
    generate = record(ledger, "generate", caption.body.outputs["rows"], [synth])
    masks = (PseudoMask("the cat", MASK, 0.5),)
    segment = record(ledger, "segment", generate.body.outputs["rows"], [SegmentedImage(synth, masks)])
    grouped = GroupedImage(synth, masks, (Group((0,), MASK),), (), Agreement((1,), ((),), 4))
    action = Action("group", 1, "itag", f'{{"tau":{tau}}}', (segment.body.outputs["rows"],))
    outputs = {"rows": ledger.put_rows([grouped]).digest, "oracle": ledger.put_rows([MASK]).digest}
    group = ledger.commit_record(Record(Body(action, outputs), Meta()))
    records = dict(zip(STAGES, (caption, generate, segment, group), strict=True))
    commit = _finish(store, run, shard, records, rejected)
    return SmallRun(records, sample, synth, shard, (real.digest, made.digest), commit)


def _finish(
    store: ArtifactStore, run: str, shard: str, records: dict[str, Record], rejected: tuple[Rejection, ...]
) -> Commit:
    folder = RunFolder(store, run)
    folder.freeze({"seed": 1})
    folder.put_plan({"photos": [shard]})
    done = [(r.body.action.digest(), r.body.outputs) for r in records.values()]
    poison = Rejection("e" * 64, "worker_died")
    actions = tuple((stage, r.body.action.digest()) for stage, r in records.items())
    root = merkle_root(done, [*rejected, poison])
    return folder.put_commit(Commit(root, actions, (poison,), {}, {}, {}))
