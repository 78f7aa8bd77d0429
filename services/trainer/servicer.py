"""Decodes, calls, encodes. The work itself is done by jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import grpc

from services.trainer.trainable import TrainableBackend
from synres.errors import InvalidInput
from synres.ports import JobRunner
from synres.rpc.codec import choice_from_proto, job_status_to_proto, model_to_proto, request_from_proto
from synres.rpc.trainer.v1 import trainer_pb2, trainer_pb2_grpc
from synres.stages.backends import Backends
from synres.stages.evaluate import EVALUATE
from synres.stages.shard import StageCode
from synres.stages.train import TRAIN

_STAGES: Mapping[str, StageCode] = {stage.name: stage for stage in (TRAIN, EVALUATE)}


class TrainerServicer(trainer_pb2_grpc.TrainerServiceServicer):
    def __init__(self, jobs: JobRunner, backends: Backends[TrainableBackend]) -> None:
        self._jobs = jobs
        self._backends = backends

    def SubmitTraining(
        self, request: trainer_pb2.SubmitTrainingRequest, context: grpc.ServicerContext
    ) -> trainer_pb2.SubmitTrainingResponse:
        shard = replace(request_from_proto(request.shard), run=request.run)
        _stage(shard.stage)
        self._jobs.submit(shard)
        return trainer_pb2.SubmitTrainingResponse()

    def GetTraining(
        self, request: trainer_pb2.GetTrainingRequest, context: grpc.ServicerContext
    ) -> trainer_pb2.GetTrainingResponse:
        return job_status_to_proto(self._jobs.status(request.action))

    def CancelTraining(
        self, request: trainer_pb2.CancelTrainingRequest, context: grpc.ServicerContext
    ) -> trainer_pb2.CancelTrainingResponse:
        self._jobs.cancel(request.action, request.run)
        return trainer_pb2.CancelTrainingResponse()

    def GetTrainingLog(
        self, request: trainer_pb2.GetTrainingLogRequest, context: grpc.ServicerContext
    ) -> trainer_pb2.GetTrainingLogResponse:
        return trainer_pb2.GetTrainingLogResponse(lines=self._jobs.log(request.action))

    def Describe(
        self, request: trainer_pb2.DescribeRequest, context: grpc.ServicerContext
    ) -> trainer_pb2.DescribeResponse:
        stage = _stage(request.stage)
        model = self._backends.get(choice_from_proto(request)).model
        return trainer_pb2.DescribeResponse(model=model_to_proto(model), stage_version=stage.version)


def _stage(name: str) -> StageCode:
    if name not in _STAGES:
        raise InvalidInput(f'the trainer knows the stages {", ".join(_STAGES)}, not "{name}"')
    return _STAGES[name]
