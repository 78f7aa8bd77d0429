"""What a finished run left in the ledger, by the names that its spec uses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from services.cli.comparison import Comparison, Rows, compare
from services.coordinator.run import status
from services.trainer.audit import ItagAudit, audit_itag
from synres.domain.types import GroupParams
from synres.ledger.ledger import Ledger
from synres.ports import ArtifactStore, ShardResult
from synres.spec import Chain, RunSpec
from synres.stages.evaluate import JudgedExpression

TAUS = (0.55, 0.65, 0.75, 0.85)
"""Replayed beside the chain's own tau."""


@dataclass(frozen=True, slots=True)
class Results:
    """`records`: node, for example "group/learned/00003" -> its record."""

    run: str
    spec: RunSpec
    ledger: Ledger
    records: Mapping[str, ShardResult]

    def outputs(self, stage: str, name: str, output: str = "rows") -> list[str]:
        """Digests of that output of every shard of a chain, in plan order."""
        nodes = sorted(node for node in self.records if node.startswith(f"{stage}/{name}/"))
        return [found[output] for node in nodes if output in (found := self.records[node].outputs)]

    def of(self, stage: str, name: str) -> list[ShardResult]:
        """Records of the shards of a chain."""
        return [record for node, record in self.records.items() if node.startswith(f"{stage}/{name}/")]

    def count(self, stage: str, name: str, count: str) -> int:
        """Sum of a count over the shards of a chain."""
        return sum(record.counts.get(count, 0) for record in self.of(stage, name))


def load_results(store: ArtifactStore, run: str, spec: RunSpec) -> Results:
    """Reads the store alone; raises NotFound for a run that is not there."""
    return Results(run, spec, Ledger(store), status(store, run).records)


def scored_rows(results: Results) -> dict[str, Rows]:
    """Arm -> rows of its evaluations, in the spec's order of arms and of benchmarks."""
    method = results.spec.method
    return {
        arm: [
            row
            for benchmark in method.benchmarks
            for row in results.ledger.get_rows(
                results.records[f"evaluate/{arm}/{benchmark}"].outputs["rows"], JudgedExpression
            )
        ]
        for arm in method.arms
    }


def protocols(results: Results) -> dict[str, str]:
    """Arm -> protocol of its evaluations, for the arms whose reports name one."""
    method = results.spec.method
    first = next(iter(method.benchmarks))
    reports = {
        arm: json.loads(results.ledger.get_blob(results.records[f"evaluate/{arm}/{first}"].outputs["report"]))
        for arm in method.arms
    }
    return {arm: report["protocol"] for arm, report in reports.items() if "protocol" in report}


def compare_runs(by_seed: Mapping[int, Results]) -> Comparison | None:
    """One run, or one for each seed; None if nothing was evaluated."""
    first = next(iter(by_seed.values()))
    method = first.spec.method
    if not method.arms or not method.benchmarks:
        return None
    rows = {seed: scored_rows(results) for seed, results in by_seed.items()}
    return compare(rows, method.evaluate.definition, method.evaluate.baseline, protocols(first))


def audits(results: Results) -> dict[str, ItagAudit]:
    """Chain -> audit of ITAG, for the chains whose generator left exact masks."""
    found = {
        name: audit_itag(
            results.ledger,
            results.outputs("group", name),
            results.outputs("generate", name, "oracle"),
            _group_params(chain),
            TAUS,
        )
        for name, chain in results.spec.method.synthesis.items()
    }
    return {name: audit for name, audit in found.items() if audit is not None}


def _group_params(chain: Chain) -> GroupParams:
    group = chain.group
    return GroupParams(group.tau, group.agreement, group.linkage, group.min_members, group.consensus)
