"""`python -m services.grouper`: serves until SIGTERM."""

from __future__ import annotations

from services.grouper.app import build
from services.grouper.settings import GrouperSettings
from synres import telemetry
from synres.settings import load_settings

if __name__ == "__main__":
    settings = load_settings(GrouperSettings)
    telemetry.configure("grouper", settings)
    build(settings).run()
