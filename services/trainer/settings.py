"""The trainer's settings."""

from __future__ import annotations

from pydantic import Field

from synres.settings import ServiceSettings


class TrainerSettings(ServiceSettings):
    listen: str = "127.0.0.1:50055"
    max_jobs: int = Field(default=2, gt=0, description="Jobs at a time; each keeps one core busy.")
