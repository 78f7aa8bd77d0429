"""What a run came to, as tables or as one JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.cli.attributes import Shares, measured_attributes
from services.cli.comparison import Comparison
from services.cli.console import out, print_json
from services.cli.report import comparison_json, plain_table, print_comparison, print_table
from services.cli.results import Results, audits, compare_runs, load_results
from synres.ledger.runs import RunFolder
from synres.spec import RunSpec
from synres.stages.align import NOT_RENDERED

if TYPE_CHECKING:
    from services.cli.progress import RunProgress
    from services.trainer.audit import ItagAudit
    from synres.ports import ArtifactStore


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is worked out from a run's records, once, to be printed and written."""

    results: Results
    itag: Mapping[str, ItagAudit]
    attributes: Mapping[str, Shares]
    comparison: Comparison | None


def work_out(results: Results) -> Outcome:
    """Reads records and oracles; computes no stage."""
    comparison = compare_runs({results.spec.seed: results})
    return Outcome(results, audits(results), measured_attributes(results), comparison)


def print_outcome(spec: RunSpec, store: ArtifactStore, progress: RunProgress, as_json: bool) -> None:
    """Scores of the arms, what became of each chain, and how much of it was new."""
    outcome = work_out(load_results(store, progress.run, spec))
    if as_json:
        print_json(outcome_json(outcome) | {"computed": progress.computed, "planned": progress.planned})
        return
    print_results(out, outcome)
    out.print(f"run [bold]{progress.run}[/] in {escape(store.url)}: {counted(progress)}", soft_wrap=True)


def print_results(console: Console, outcome: Outcome) -> None:
    """Chains, audits, arms."""
    if outcome.results.spec.method.synthesis:
        print_table(console, _chain_table(outcome.results))
    for chain, audit in outcome.itag.items():
        print_table(console, _audit_table(chain, audit))
    if outcome.attributes:
        print_table(console, _attribute_table(outcome.attributes))
    if outcome.comparison is not None:
        print_comparison(console, outcome.comparison)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Everything that `print_results` shows, as fractions; and the Merkle root."""
    results = outcome.results
    commit = RunFolder(results.ledger.store, results.run).commit()
    return {
        "run": results.run,
        "merkle_root": commit.merkle_root if commit else None,
        "chains": {name: _chain_facts(results, name) for name in results.spec.method.synthesis},
        "itag": {name: msgspec.to_builtins(audit) for name, audit in outcome.itag.items()},
        "attributes": outcome.attributes,
        "comparison": comparison_json(outcome.comparison) if outcome.comparison else None,
    }


def counted(progress: RunProgress) -> str:
    """How much of the run was there already."""
    return f"{progress.planned} tasks, {progress.computed} of them computed now"


def _chain_facts(results: Results, name: str) -> dict[str, float]:
    chain = results.spec.method.synthesis[name]
    pictures = results.count("segment", name, "out")
    # records of earlier versions did not count their masks: there each picture had all expressions
    asked = sum(
        record.counts.get("pseudo_masks", record.counts.get("out", 0) * chain.caption.expressions_per_prompt)
        for record in results.of("segment", name)
    )
    kept = results.count("group", name, "triplets")
    chains = tuple(f"{stage}/{name}/" for stage in ("caption", "generate", "align", "segment", "group"))
    rejected = sum(len(r.rejections) for node, r in results.records.items() if node.startswith(chains))
    return {
        "samples": results.count("caption", name, "out"),
        "pictures": pictures,
        "pseudo_masks": asked,
        "triplets": kept,
        "kept_share": kept / asked if asked else 0.0,
        NOT_RENDERED: results.count("align", name, NOT_RENDERED),
        "rejected": rejected,
    }


def _chain_table(results: Results) -> Table:
    chains = results.spec.method.synthesis
    shown = {"samples": "samples", "pictures": "pictures"}
    if any(chain.align for chain in chains.values()):
        shown[NOT_RENDERED] = "not rendered"
    shown["pseudo_masks"] = "pseudo-masks"
    table = plain_table("synthesis", "chain", (*shown.values(), "kept by ITAG", "rejected"))
    for name in chains:
        facts = _chain_facts(results, name)
        kept = f"{facts['triplets']:,.0f} ({facts['kept_share']:.0%})"
        table.add_row(name, *(f"{facts[key]:,.0f}" for key in shown), kept, f"{facts['rejected']:,.0f}")
    return table


def _attribute_table(found: Mapping[str, Shares]) -> Table:
    columns = list(dict.fromkeys(name for shares in found.values() for name in shares))
    title = "attributes as a classifier sees them, share right in %: what expressions say, what pictures show"
    table = plain_table(title, "", columns)
    for name, shares in found.items():
        cells = (f"{100 * shares[column]:.0f}" if column in shares else "-" for column in columns)
        table.add_row(name, *cells)
    return table


def _audit_table(chain: str, audit: ItagAudit) -> Table:
    correlation = "unknown" if audit.error_correlation is None else f"{audit.error_correlation:.2f}"
    title = f"ITAG of {chain} against exact masks, in %; errors within a picture correlate at {correlation}"
    columns = ("kept", "expressions true", "IoU before", "IoU after", "over-segmented")
    table = plain_table(title, "setting", columns)
    for row in audit.rows:
        cells = (row.kept_share, row.true_share, row.before, row.after, row.over_segmentation)
        table.add_row(row.setting, *("-" if cell is None else f"{100 * cell:.1f}" for cell in cells))
    return table
