"""The trainer's composition root."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from services.trainer.backends import load_backend
from services.trainer.job_settings import load_job_settings
from services.trainer.servicer import TrainerServicer
from services.trainer.settings import TrainerSettings
from services.trainer.subprocess_jobs import SubprocessJobs
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.ports import JobRunner
from synres.rpc.server import Server
from synres.rpc.trainer.v1 import trainer_pb2_grpc
from synres.settings import environment_with
from synres.stages.backends import Backends


def build(settings: TrainerSettings, jobs: JobRunner | None = None) -> Server:
    """The server, not yet listening; `jobs` runs the trainings, by default what the settings say."""
    ledger = Ledger(open_store(settings.store_url, settings))
    is_ready = None
    if jobs is None and settings.job_settings is not None:
        jobs, is_ready = _cluster(ledger, settings.job_settings)
    jobs = jobs or SubprocessJobs(
        ledger, settings.max_jobs, environment_with(settings), settings.processes_per_job
    )
    server = Server("synres.rpc.trainer.v1.TrainerService", settings, is_ready)
    servicer = TrainerServicer(jobs, Backends(load_backend))
    trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server.grpc)
    return server


def _cluster(ledger: Ledger, path: Path) -> tuple[JobRunner, Callable[[], bool]]:
    """Jobs of Kubernetes; ready is who reaches its API."""
    # its package is of no use on a laptop, and not in that extra
    from services.trainer.kubernetes_api import KubernetesApi, own_account
    from services.trainer.kubernetes_jobs import KubernetesJobs

    job_settings = load_job_settings(path)
    api = KubernetesApi(job_settings.namespace)
    return KubernetesJobs(ledger, job_settings, api, own_account()), api.is_there
