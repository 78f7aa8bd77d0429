"""What the driver asks of an executor; `executors/` has one in process and one over gRPC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import ServiceUnavailable
from synres.ports import JobRunner, JobStatus, ShardRequest, ShardResult
from synres.stages.shard import Check, never_stop

SERVICE_OF = {
    "caption": "captioner",
    "generate": "generator",
    "align": "captioner",
    "segment": "segmenter",
    "group": "grouper",
}
"""Stage of shards -> its service; those of jobs are the trainer's."""


def where_to_look(stage: str) -> str:
    """How a person finds out why nobody of it is there: a client of services sees no pods."""
    service = SERVICE_OF.get(stage, "trainer")
    return (
        "start the service, or wait until it is started or scaled up from zero; what keeps it in a cluster is"
        f" not seen from here: `kubectl get pods -l app.kubernetes.io/component={service}` says what its pods"
        " wait for (ImagePullBackOff: the image's name or its pull secret; Pending: room or a GPU on a node;"
        " CreateContainerConfigError: a Secret; CrashLoopBackOff: their last words), and"
        " `kubectl describe pod` why"
    )


class NobodyThere(ServiceUnavailable):
    """The service was down before the task was sent, or had said that it goes: the task is not to blame."""


def nobody(stage: str, error: ServiceUnavailable) -> NobodyThere:
    """What a client of the stage's service raises when its call did not get there."""
    return NobodyThere(f"the service of {stage}: {error.message}: {where_to_look(stage)}")


@dataclass(frozen=True, slots=True)
class Call:
    """What goes with a request: `check` raises CallCancelled when the driver stops; jobs tell `progress`."""

    check: Check = never_stop
    progress: Callable[[JobStatus], None] = lambda status: None


class Executor(Protocol):
    """Computes actions. Methods are called from many threads; errors are classes of `synres.errors`."""

    @property
    def jobs(self) -> JobRunner:
        """Who runs trainings and evaluations."""

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        """What would compute that stage; raises InvalidInput, NotFound or BackendUnavailable."""

    def execute(self, request: ShardRequest, call: Call) -> ShardResult:
        """Blocks until the action's record is visible, and returns it."""

    def is_ready(self, stage: str) -> bool:
        """True if a task of this stage would find somebody to do it."""

    def replicas(self) -> Mapping[str, int]:
        """Stage -> how many are ready for its tasks; answered at once.

        Stages that are not named share one machine.
        """
