"""The coordinator's settings: its own, and where the other services listen."""

from __future__ import annotations

from synres.settings import ClientSettings, ServiceSettings


class CoordinatorSettings(ServiceSettings, ClientSettings):
    listen: str = "127.0.0.1:50056"
