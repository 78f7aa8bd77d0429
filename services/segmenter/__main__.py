"""`python -m services.segmenter`: serves until SIGTERM."""

from __future__ import annotations

from services.segmenter.app import build
from services.segmenter.settings import SegmenterSettings
from synres import telemetry
from synres.settings import load_settings

if __name__ == "__main__":
    settings = load_settings(SegmenterSettings)
    telemetry.configure("segmenter", settings)
    build(settings).run()
