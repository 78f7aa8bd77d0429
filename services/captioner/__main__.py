"""`python -m services.captioner`: serves until SIGTERM."""

from __future__ import annotations

from services.captioner.app import build
from services.captioner.settings import CaptionerSettings
from synres.rpc.server import serve

if __name__ == "__main__":
    serve("captioner", CaptionerSettings, build)
