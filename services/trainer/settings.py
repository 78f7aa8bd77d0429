"""The trainer's settings."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from synres.settings import ServiceSettings


class TrainerSettings(ServiceSettings):
    listen: str = "127.0.0.1:50055"
    max_jobs: int = Field(default=2, gt=0, description="Child processes at a time; each keeps one core busy.")
    processes_per_job: int = Field(
        default=1,
        gt=0,
        description="Child processes that share one training: one for each GPU of the machine.",
    )
    loader_workers: int = Field(
        default=4, ge=0, description="Threads of a training process that make batches ahead of their steps."
    )
    tensorboard_dir: Path | None = Field(
        default=None, description="Folder for loss curves, read by TensorBoard; unset: none."
    )
    job_settings: Path | None = Field(
        default=None,
        description="YAML file of Job settings: trainings are Jobs of Kubernetes; unset: child processes.",
    )
