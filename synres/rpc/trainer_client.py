"""The trainer behind the JobRunner port: long work is submitted, then asked about."""

from __future__ import annotations

from typing import Any

from synres.domain.choice import BackendChoice
from synres.ports import JobStatus, ShardRequest
from synres.rpc.channel import Connection
from synres.rpc.client import Described
from synres.rpc.codec import choice_to_fields, job_status_from_proto, model_from_proto, request_to_proto
from synres.rpc.trainer.v1 import trainer_pb2, trainer_pb2_grpc


class TrainerClient(Connection):
    def __init__(self, address: str, token: str | None = None, timeout_s: float = 60.0) -> None:
        super().__init__(address, token, timeout_s)
        stub_type: Any = trainer_pb2_grpc.TrainerServiceStub
        self._stub = stub_type(self.channel)

    def submit(self, request: ShardRequest) -> None:
        """Starts the job unless it runs or its record is there."""
        message = trainer_pb2.SubmitTrainingRequest(shard=request_to_proto(request), run=request.run)
        self.call(self._stub.SubmitTraining, message)

    def status(self, action: str) -> JobStatus:
        return job_status_from_proto(
            self.call(self._stub.GetTraining, trainer_pb2.GetTrainingRequest(action=action))
        )

    def cancel(self, action: str, run: str = "") -> None:
        self.call(self._stub.CancelTraining, trainer_pb2.CancelTrainingRequest(action=action, run=run))

    def log(self, action: str) -> list[str]:
        answer = self.call(self._stub.GetTrainingLog, trainer_pb2.GetTrainingLogRequest(action=action))
        return list(answer.lines)

    def describe(self, stage: str, choice: BackendChoice) -> Described:
        """`stage`: "train" or "evaluate"."""
        request = trainer_pb2.DescribeRequest(stage=stage, **choice_to_fields(choice))
        answer = self.call(self._stub.Describe, request)
        return Described(model_from_proto(answer.model), answer.stage_version)
