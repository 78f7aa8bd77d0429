"""The trainer's composition root."""

from __future__ import annotations

from services.trainer.backends import load_backend
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
    """The server, not yet listening; `jobs` runs the trainings, by default as child processes."""
    ledger = Ledger(open_store(settings.store_url, settings))
    jobs = jobs or SubprocessJobs(ledger, settings.max_jobs, environment_with(settings))
    server = Server("synres.rpc.trainer.v1.TrainerService", settings)
    servicer = TrainerServicer(jobs, Backends(load_backend))
    trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server.grpc)
    return server
