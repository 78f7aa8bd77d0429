"""`python -m services.grouper`: serves until SIGTERM."""

from __future__ import annotations

from services.grouper.app import build
from services.grouper.settings import GrouperSettings
from synres.rpc.server import serve

if __name__ == "__main__":
    serve("grouper", GrouperSettings, build)
