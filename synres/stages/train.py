"""train: triplets and real data -> weights (paper, section 3.3). What any trainer needs but the loop."""

from __future__ import annotations

from synres.domain.itag import triplets
from synres.domain.types import GroupedImage, SummedTriplet, Triplet
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest
from synres.stages.params import MixturePart, TrainParams
from synres.stages.shard import StageCode

TRAIN = StageCode("train", 1, min_inputs=0)
FROM_SCRATCH = -1
BASE = -2


def training_rows(ledger: Ledger, request: ShardRequest, params: TrainParams) -> dict[str, list[Triplet]]:
    """The triplets of each part of the mixture, in the order of its inputs; a part may be empty.

    Those of a dataset are SummedTriplets.
    """
    return {part.name: _part_rows(ledger, request, part) for part in params.parts}


def starting_weights(ledger: Ledger, request: ShardRequest, params: TrainParams) -> bytes | None:
    """safetensors, or None for `FROM_SCRATCH` and `BASE`; raises ArtifactMissing."""
    if params.weights_input in (FROM_SCRATCH, BASE):
        return None
    return ledger.get_blob(_input(request, params.weights_input))


def _part_rows(ledger: Ledger, request: ShardRequest, part: MixturePart) -> list[Triplet]:
    digests = [_input(request, index) for index in part.inputs]
    if part.rows == "triplets":
        return [row for digest in digests for row in ledger.get_rows(digest, SummedTriplet)]
    if part.rows == "grouped":
        grouped = (row for digest in digests for row in ledger.get_rows(digest, GroupedImage))
        return [triplet for row in grouped for triplet in triplets(row)]
    raise InvalidInput(f'mixture part {part.name}: rows are "triplets" or "grouped", not "{part.rows}"')


def _input(request: ShardRequest, index: int) -> str:
    if not 0 <= index < len(request.inputs):
        raise InvalidInput(f"input {index} is asked for, and the action has {len(request.inputs)} inputs")
    return request.inputs[index]
