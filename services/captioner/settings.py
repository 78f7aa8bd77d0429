"""The captioner's settings."""

from __future__ import annotations

from synres.settings import ServiceSettings


class CaptionerSettings(ServiceSettings):
    listen: str = "127.0.0.1:50051"
