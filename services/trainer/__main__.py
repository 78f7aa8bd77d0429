"""`python -m services.trainer`: serves until SIGTERM."""

from __future__ import annotations

from services.trainer.app import build
from services.trainer.settings import TrainerSettings
from synres import telemetry
from synres.settings import load_settings

if __name__ == "__main__":
    settings = load_settings(TrainerSettings)
    telemetry.configure("trainer", settings)
    build(settings).run()
