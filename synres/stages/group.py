"""group: pseudo-masks -> groups that agree, with consensus masks (paper, section 3; ITAG)."""

from __future__ import annotations

from synres.domain.types import SegmentedImage
from synres.ledger.ledger import Ledger
from synres.ports import Grouper, ShardRequest, ShardResult
from synres.stages.params import GroupStageParams, decode_params
from synres.stages.shard import Check, Computed, StageCode, map_rows, never_stop, run_shard

GROUP = StageCode("group", 1)


def run_group_shard(
    ledger: Ledger, grouper: Grouper, request: ShardRequest, check: Check = never_stop
) -> ShardResult:
    """Rows of SegmentedImage -> rows of GroupedImage; an image without any group stays, with its reasons."""
    params = decode_params(request.params, GroupStageParams)

    def work() -> Computed:
        computed = Computed()
        segmented = ledger.get_rows(request.inputs[0], SegmentedImage)
        rows = map_rows(
            segmented, lambda s: [grouper.group(s, params.itag)], lambda s: s.synth.item, check, computed
        )
        kept = sum(len(group.members) for row in rows for group in row.groups)
        computed.outputs = {"rows": ledger.put_rows(rows).digest}
        computed.counts = {"in": len(segmented), "out": len(rows), "triplets": kept}
        return computed

    return run_shard(ledger, GROUP, grouper.model, request, work)
