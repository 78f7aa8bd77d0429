"""`python -m services.generator`: serves until SIGTERM."""

from __future__ import annotations

from services.generator.app import build
from services.generator.settings import GeneratorSettings
from synres.rpc.server import serve

if __name__ == "__main__":
    serve("generator", GeneratorSettings, build)
