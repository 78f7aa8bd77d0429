"""`python -m services.generator`: serves until SIGTERM."""

from __future__ import annotations

from services.generator.app import build
from services.generator.settings import GeneratorSettings
from synres import telemetry
from synres.settings import load_settings

if __name__ == "__main__":
    settings = load_settings(GeneratorSettings)
    telemetry.configure("generator", settings)
    build(settings).run()
