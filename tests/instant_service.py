"""A stage service with instant backends in a process of its own.

    python -m tests.instant_service captioner --delay-s 0.1 --version 2

Settings come from the environment as ever (SYNRES_STORE_URL, SYNRES_LISTEN, ...).
"""

from __future__ import annotations

import argparse

from synres import telemetry
from synres.settings import ServiceSettings, load_settings
from tests.instant import build_instant

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("service", choices=("captioner", "generator", "segmenter", "grouper"))
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--version", type=int, default=1)
    arguments = parser.parse_args()
    settings = load_settings(ServiceSettings)
    telemetry.configure(arguments.service, settings)
    build_instant(arguments.service, arguments.delay_s, arguments.version, **settings.model_dump()).run()
