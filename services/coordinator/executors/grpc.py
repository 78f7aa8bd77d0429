"""Stages behind gRPC: one client for each service, one error table for all."""

from __future__ import annotations

from collections.abc import Mapping

from services.coordinator.executor import Call
from services.coordinator.executors.jobs import run_job
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput, ModelMismatch
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.rpc.client import STAGE_CLIENTS, Described
from synres.rpc.trainer_client import TrainerClient
from synres.stages.align import ALIGN
from synres.stages.caption import CAPTION
from synres.stages.evaluate import EVALUATE
from synres.stages.generate import GENERATE
from synres.stages.group import GROUP
from synres.stages.segment import SEGMENT
from synres.stages.train import TRAIN

SERVICE_OF = {
    "caption": "captioner",
    "generate": "generator",
    "align": "captioner",
    "segment": "segmenter",
    "group": "grouper",
}
_VERSIONS = {code.name: code.version for code in (CAPTION, GENERATE, ALIGN, SEGMENT, GROUP, TRAIN, EVALUATE)}


class GrpcExecutor:
    """`addresses`: service ("captioner", ..., "trainer") -> host:port; InvalidInput if one is missing."""

    def __init__(
        self, ledger: Ledger, addresses: Mapping[str, str], token: str | None = None, timeout_s: float = 600.0
    ) -> None:
        needed = dict.fromkeys((*SERVICE_OF.values(), "trainer"))
        missing = [name for name in needed if name not in addresses]
        if missing:
            raise InvalidInput(f"execution.addresses lacks {', '.join(missing)}; `synres up` starts them all")
        self._ledger = ledger
        self._stages = {
            stage: STAGE_CLIENTS[stage](addresses[service], token, timeout_s)
            for stage, service in SERVICE_OF.items()
        }
        self._trainer = TrainerClient(addresses["trainer"], token)

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        described = self._describe(stage, choice)
        if described.stage_version != _VERSIONS[stage]:
            raise ModelMismatch(
                f"the service of {stage} runs version {described.stage_version} of the stage, the coordinator"
                f" {_VERSIONS[stage]}: deploy one version"
            )
        return described.model

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        if request.stage in self._stages:
            return self._stages[request.stage].run_shard(request, call.check)
        return run_job(self._trainer, self._ledger, request, call)

    def is_ready(self, stage: str) -> bool:
        return self._stages.get(stage, self._trainer).is_serving()

    def close(self) -> None:
        """Closes every channel; calls under way end."""
        for client in (*self._stages.values(), self._trainer):
            client.close()

    def _describe(self, stage: str, choice: BackendChoice) -> Described:
        if stage in self._stages:
            return self._stages[stage].describe(choice)
        return self._trainer.describe(stage, choice)
