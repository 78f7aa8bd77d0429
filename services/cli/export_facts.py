"""What an export says of a chain: models, settings, counts, and every dropped item by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.cli.results import Results
from synres.data.dataset_card import CardFacts
from synres.data.provenance import mark_png, source_type, to_jpeg
from synres.data.signing import PictureSigner
from synres.domain.itag import triplets
from synres.domain.types import AlignedImage, GroupedImage, SynthImage, Triplet
from synres.ledger.runs import RunFolder
from synres.spec import Chain

STAGES = ("caption", "generate", "align", "segment", "group")


@dataclass(frozen=True, slots=True)
class DroppedItem:
    """`expression` is "" where the whole item went."""

    stage: str
    item: str
    expression: str
    reason: str


def grouped_rows(results: Results, chain: str) -> list[GroupedImage]:
    """The pictures of a chain with what ITAG made of them, in plan order."""
    digests = results.outputs("group", chain)
    return [row for digest in digests for row in results.ledger.get_rows(digest, GroupedImage)]


def kept_triplets(rows: Sequence[GroupedImage]) -> list[Triplet]:
    return [triplet for row in rows for triplet in triplets(row)]


def dropped_items(results: Results, chain: str, rows: Sequence[GroupedImage]) -> list[DroppedItem]:
    """Rejections of each stage, expressions that were not rendered, and what ITAG left out."""
    return [*_rejected(results, chain), *_not_rendered(results, chain), *_left_out(rows)]


def card_facts(
    results: Results,
    chain: str,
    rows: Sequence[GroupedImage],
    dropped: Sequence[DroppedItem],
    counts: Mapping[str, int],
) -> CardFacts:
    """`counts`: of what was written."""
    folder, made_by = RunFolder(results.ledger.store, results.run), results.spec.method.synthesis[chain]
    commit, described = folder.commit(), folder.spec()["models"]
    models = {
        f"{stage}/{choice.backend}": _told(described[f"{stage}/{choice.label}"])
        for stage, choice in _parts(made_by)
    }
    reasons = Counter(f"{one.stage}: {one.reason}" for one in dropped)
    return CardFacts(
        run=results.run,
        chain=chain,
        seed=results.spec.seed,
        merkle_root=commit.merkle_root if commit else "",
        models=models,
        filters=_filters(made_by),
        counts={"pictures made": len(rows), **counts},
        dropped=dict(sorted(reasons.items())),
    )


def marking(
    results: Results,
    chain: str,
    rows: Sequence[GroupedImage],
    signer: PictureSigner | None = None,
    as_jpeg: bool = False,
) -> Callable[[str], bytes]:
    """Digest of a picture -> its bytes with its provenance inside, signed where there is a signer."""
    synths: dict[str, SynthImage] = {row.synth.image.digest: row.synth for row in rows}
    choice = results.spec.method.synthesis[chain].generate.choice
    described = RunFolder(results.ledger.store, results.run).spec()["models"][f"generate/{choice.label}"]
    source = source_type(choice.backend)

    def load(digest: str) -> bytes:
        synth = synths[digest]
        facts = {
            "run": results.run, "chain": chain, "seed": results.spec.seed, "item": synth.item,
            "made_from": synth.sample_item, "prompt": synth.prompt, "generator": described["name"],
            "generator_digest": described["digest"], "licence": described["licence"], "picture": digest,
        }  # fmt: skip
        marked = mark_png(results.ledger.get_blob(digest), facts, source)
        marked = to_jpeg(marked) if as_jpeg else marked
        return signer.sign(marked, facts, source) if signer else marked

    return load


def _told(model: Mapping[str, Any]) -> dict[str, str]:
    return {name: model[name] for name in ("name", "digest", "licence")}


def _parts(chain: Chain) -> list[tuple[str, Any]]:
    from synres.domain.choice import BackendChoice

    parts = [(stage, getattr(chain, stage)) for stage in STAGES[:-1]]
    return [
        *((stage, part.choice) for stage, part in parts if part),
        ("group", BackendChoice(chain.group.backend)),
    ]


def _filters(chain: Chain) -> dict[str, str | int | float]:
    """What decided which expressions and masks are kept."""
    found: dict[str, Any] = {f"group.{name}": value for name, value in chain.group.model_dump().items()}
    found |= {"expressions_per_prompt": chain.caption.expressions_per_prompt}
    found |= {"images_per_prompt": chain.generate.images_per_prompt, "samples": chain.samples}
    if chain.align and chain.align.min_alignment is not None:
        found["align.min_alignment"] = chain.align.min_alignment
    return found


def _rejected(results: Results, chain: str) -> Iterator[DroppedItem]:
    for node, record in sorted(results.records.items()):
        stage, name, *_ = node.split("/")
        if stage in STAGES and name == chain:
            yield from (DroppedItem(stage, item, "", reason) for item, reason in record.rejections)


def _not_rendered(results: Results, chain: str) -> Iterator[DroppedItem]:
    for digest in results.outputs("align", chain, "alignment"):
        for row in results.ledger.get_rows(digest, AlignedImage):
            yield from (
                DroppedItem("align", row.item, e.expression, e.dropped) for e in row.expressions if e.dropped
            )


def _left_out(rows: Sequence[GroupedImage]) -> Iterator[DroppedItem]:
    for row in rows:
        for one in row.dropped:
            yield DroppedItem("group", row.synth.item, row.pseudo_masks[one.member].expression, one.reason)
