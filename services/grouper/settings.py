"""The grouper's settings."""

from __future__ import annotations

from synres.settings import ServiceSettings


class GrouperSettings(ServiceSettings):
    listen: str = "127.0.0.1:50054"
