"""The coordinator's settings: its own, and where the other services listen."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from synres.settings import ClientSettings, ServiceSettings


class CoordinatorSettings(ServiceSettings, ClientSettings):
    listen: str = "127.0.0.1:50056"
    datasets_dir: Path | None = Field(
        default=None,
        description="Folder that paths in submitted specs are relative to; unset: such specs are refused.",
    )
