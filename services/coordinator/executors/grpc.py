"""Stages behind gRPC: one client for each pod of a service, one error table for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from services.coordinator.executor import SERVICE_OF, Call, nobody
from services.coordinator.executors.jobs import run_job
from services.coordinator.wanted import want
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import ArtifactMissing, InvalidInput, ModelMismatch, ServiceUnavailable, SettingInvalid
from synres.ledger.ledger import Ledger
from synres.ports import ShardRequest, ShardResult
from synres.rpc.client import STAGE_CLIENTS, Described, StageClient
from synres.rpc.replicas import NoReplica, Replicas, Resolve, resolve
from synres.rpc.trainer_client import TrainerClient
from synres.stages.align import ALIGN
from synres.stages.caption import CAPTION
from synres.stages.evaluate import EVALUATE
from synres.stages.generate import GENERATE
from synres.stages.group import GROUP
from synres.stages.segment import SEGMENT
from synres.stages.train import TRAIN

_VERSIONS = {code.name: code.version for code in (CAPTION, GENERATE, ALIGN, SEGMENT, GROUP, TRAIN, EVALUATE)}


class GrpcExecutor:
    """`addresses`: service ("captioner", ..., "trainer") -> host:port; InvalidInput if one is missing.

    A host may be a name with many pods behind it.
    """

    def __init__(
        self,
        ledger: Ledger,
        addresses: Mapping[str, str],
        token: str | None = None,
        timeout_s: float = 600.0,
        resolve: Resolve = resolve,
    ) -> None:
        needed = dict.fromkeys((*SERVICE_OF.values(), "trainer"))
        missing = [name for name in needed if name not in addresses]
        if missing:
            raise InvalidInput(f"execution.addresses lacks {', '.join(missing)}; `synres up` starts them all")
        self._ledger = ledger
        self._shared = set[str]()
        self._stages: dict[str, Replicas[StageClient]] = {}
        for stage, service in SERVICE_OF.items():
            connect = partial(STAGE_CLIENTS[stage], token=token, timeout_s=timeout_s)
            self._stages[stage] = Replicas(addresses[service], connect, resolve)
        self.jobs = TrainerClient(addresses["trainer"], token)

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
            try:
                with self._stages[request.stage].least_busy() as client:
                    result = client.run_shard(request, call.check)
            except NoReplica as error:
                raise nobody(request.stage, error) from error
            except ArtifactMissing as error:
                digest = error.key.rpartition("/")[2]
                self._check_store(request.stage, lambda: self._ledger.has_blob(digest))
                raise
            find = self._ledger.find_record
            self._check_store(request.stage, lambda: find(request.stage, request.action) is None)
            return result
        return run_job(self.jobs, self._ledger, request, call)

    def is_ready(self, stage: str) -> bool:
        return bool(self._stages[stage].ready()) if stage in self._stages else self.jobs.is_serving()

    def replicas(self) -> dict[str, int]:
        """The trainer's stages are not there: its jobs run elsewhere."""
        return {stage: replicas.ready() for stage, replicas in self._stages.items()}

    def close(self) -> None:
        """Closes every channel; calls under way end."""
        for client in (*self._stages.values(), self.jobs):
            client.close()

    def _check_store(self, stage: str, is_other: Callable[[], bool]) -> None:
        """At a stage's first answer: with two stores each side would go on without the other's artifacts."""
        if stage in self._shared:
            return
        if is_other():
            raise SettingInvalid(
                f"the service of {stage} keeps another store than this run's, {self._ledger.store.url}:"
                " give both one (--store, SYNRES_STORE_URL)"
            )
        self._shared.add(stage)

    def _describe(self, stage: str, choice: BackendChoice) -> Described:
        try:
            if stage not in self._stages:
                return self.jobs.describe(stage, choice)
            with self._stages[stage].least_busy() as client:
                return client.describe(choice)
        except ServiceUnavailable as error:
            if isinstance(error, NoReplica):
                want(self._ledger.store, [stage])
            raise nobody(stage, error) from error
