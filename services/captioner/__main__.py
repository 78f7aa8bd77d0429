"""`python -m services.captioner`: serves until SIGTERM."""

from __future__ import annotations

from services.captioner.app import build
from services.captioner.settings import CaptionerSettings
from synres import telemetry
from synres.settings import load_settings

if __name__ == "__main__":
    settings = load_settings(CaptionerSettings)
    telemetry.configure("captioner", settings)
    build(settings).run()
