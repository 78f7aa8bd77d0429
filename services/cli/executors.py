"""Hands the ports to the embedded executor, or the addresses to the one over gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from synres.ledger.ledger import Ledger
from synres.spec import RunSpec

if TYPE_CHECKING:
    from services.coordinator.executor import Executor


@contextmanager
def executor_of(spec: RunSpec, ledger: Ledger) -> Iterator[Executor]:
    """What `execution.executor` names; whatever it started ends with the block."""
    opened = _embedded if spec.execution.executor == "embedded" else _grpc
    with opened(spec, ledger) as executor:
        yield executor


@contextmanager
def _embedded(spec: RunSpec, ledger: Ledger) -> Iterator[Executor]:
    from services.captioner.backends import load_aligner as aligner
    from services.captioner.backends import load_backend as captioner
    from services.coordinator.executors.embedded import EmbeddedExecutor, Ports
    from services.generator.backends import load_backend as generator
    from services.grouper.backends import load_backend as grouper
    from services.segmenter.backends import load_backend as segmenter
    from services.trainer.backends import load_backend as trainable
    from services.trainer.subprocess_jobs import SubprocessJobs
    from synres.settings import StoreSettings, environment_with, load_settings
    from synres.stages.backends import Backends, SegmenterBackends

    jobs = SubprocessJobs(ledger, spec.execution.workers, environment_with(load_settings(StoreSettings)))
    models = Backends(trainable)
    ports = Ports(
        captioners=Backends(captioner), aligners=Backends(aligner), generators=Backends(generator),
        segmenters=SegmenterBackends(ledger, segmenter), groupers=Backends(grouper),
        jobs=jobs, job_model=lambda stage, choice: models.get(choice).model,
    )  # fmt: skip
    try:
        yield EmbeddedExecutor(ledger, ports)
    finally:
        jobs.close()


@contextmanager
def _grpc(spec: RunSpec, ledger: Ledger) -> Iterator[Executor]:
    from services.coordinator.executor import SERVICE_OF
    from services.coordinator.executors.grpc import GrpcExecutor
    from synres.settings import ClientSettings, load_settings

    settings = load_settings(ClientSettings)
    services = (*SERVICE_OF.values(), "trainer")
    addresses = {name: str(getattr(settings, f"{name}_address")) for name in services}
    addresses.update(spec.execution.addresses)
    token = settings.token.get_secret_value() if settings.token else None
    executor = GrpcExecutor(ledger, addresses, token, settings.call_timeout_s)
    try:
        yield executor
    finally:
        executor.close()
