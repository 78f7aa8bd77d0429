"""`python -m services.coordinator`: serves until SIGTERM."""

from __future__ import annotations

from services.coordinator.app import build
from services.coordinator.settings import CoordinatorSettings
from synres.rpc.server import serve

if __name__ == "__main__":
    serve("coordinator", CoordinatorSettings, build)
