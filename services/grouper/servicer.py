"""Decodes, calls, encodes."""

from __future__ import annotations

import grpc

from synres.ledger.ledger import Ledger
from synres.ports import Grouper, ShardRequest, ShardResult
from synres.rpc.calls import ModelCalls, check_count, check_of
from synres.rpc.codec import choice_from_proto, model_to_proto
from synres.rpc.group_codec import bare_segmented, groups_to_proto, params_from_proto, pseudo_mask_from_proto
from synres.rpc.grouper.v1 import grouper_pb2, grouper_pb2_grpc
from synres.stages.backends import Backends
from synres.stages.group import GROUP, run_group_shard
from synres.stages.params import GroupStageParams, decode_params
from synres.stages.shard import Check


class GrouperServicer(grouper_pb2_grpc.GrouperServiceServicer):
    def __init__(self, ledger: Ledger, backends: Backends[Grouper]) -> None:
        self._ledger = ledger
        self._backends = backends
        self._calls = ModelCalls("grouper")

    def RunGroupShard(
        self, request: grouper_pb2.RunGroupShardRequest, context: grpc.ServicerContext
    ) -> grouper_pb2.RunGroupShardResponse:
        result = self._calls.run_shard(request.shard, context, self._run)
        return grouper_pb2.RunGroupShardResponse(result=result)

    def Describe(
        self, request: grouper_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> grouper_pb2.DescribeResponse:
        model = self._backends.get(choice_from_proto(request)).model
        return grouper_pb2.DescribeResponse(model=model_to_proto(model), stage_version=GROUP.version)

    def Group(
        self, request: grouper_pb2.GroupRequest, context: grpc.ServicerContext
    ) -> grouper_pb2.GroupResponse:
        check_count(len(request.pseudo_masks), "pseudo-masks")
        segmented = bare_segmented([pseudo_mask_from_proto(pseudo) for pseudo in request.pseudo_masks])
        grouper = self._backends.get(choice_from_proto(request))
        with self._calls.turn(check_of(context)):
            response = groups_to_proto(grouper.group(segmented, params_from_proto(request.params)))
        response.model.CopyFrom(model_to_proto(grouper.model))
        return response

    def _run(self, request: ShardRequest, check: Check) -> ShardResult:
        choice = decode_params(request.params, GroupStageParams).choice
        return run_group_shard(self._ledger, self._backends.get(choice), request, check)
