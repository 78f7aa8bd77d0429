"""`python -m services.trainer`: serves until SIGTERM."""

from __future__ import annotations

from services.trainer.app import build
from services.trainer.settings import TrainerSettings
from synres.rpc.server import serve

if __name__ == "__main__":
    serve("trainer", TrainerSettings, build)
