"""Prints where an item came from: sample, expressions, prompt, picture, pseudo-masks, group."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.markup import escape
from rich.text import Text
from rich.tree import Tree

from services.cli.console import out, print_json
from synres.domain.types import (
    AlignedImage,
    CaptionedSample,
    GroupedImage,
    SegmentedImage,
    Shortfall,
    SynthImage,
)
from synres.ledger.trace import Step, Trace


def print_traces(traces: Sequence[Trace], as_json: bool) -> None:
    """A tree for each way to the item, or all as JSON."""
    if as_json:
        print_json(msgspec.to_builtins(list(traces)))
        return
    for trace in traces:
        tree = Tree(f"item {trace.item}")
        tree.add(f"plan shard {trace.shard}" if trace.shard else "no shard")
        for step in trace.steps:
            branch = tree.add(
                f"[bold]{step.stage}[/]  action {step.action[:12]}  model {step.model_digest[:12]}"
            )
            for line in _facts(step):
                branch.add(Text(line))
        if trace.ended:
            tree.add(f"[yellow]ended[/]: {escape(trace.ended)}")
        out.print(tree)


def _facts(step: Step) -> list[str]:
    row = step.row
    match row:
        case CaptionedSample():
            said = " | ".join(expression for prompt in row.prompts for expression in prompt)
            return [f"sample {row.sample.source or row.item[:12]}: a {row.sample.category}",
                    f"picture {row.sample.image.digest[:12]}", f"expressions: {said}",
                    *_beside(step)]  # fmt: skip
        case SynthImage() if step.stage == "align":
            return _beside(step)
        case SynthImage():
            return [
                f"prompt: {row.prompt}",
                f"picture {row.image.digest[:12]}, {row.size[1]} x {row.size[0]} pixels",
            ]
        case SegmentedImage():
            return [f"{p.expression}: score {p.score:.2f}" for p in row.pseudo_masks]
        case GroupedImage():
            return _groups(row)


def _beside(step: Step) -> list[str]:
    match step.beside:
        case AlignedImage():
            return [f"alignment {each.score:.2f}: {each.expression}{each.dropped and f' ({each.dropped})'}"
                    for each in step.beside.expressions]  # fmt: skip
        case Shortfall():
            return [f"{step.beside.found} of {step.beside.asked} expressions: {step.beside.reason}"]
    return []


def _groups(row: GroupedImage) -> list[str]:
    names = [pseudo_mask.expression for pseudo_mask in row.pseudo_masks]
    kept = [f"group: {' | '.join(names[m] for m in group.members)}" for group in row.groups]
    return [*kept, *(f"dropped ({d.reason}): {names[d.member]}" for d in row.dropped)]
