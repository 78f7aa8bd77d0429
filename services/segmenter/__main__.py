"""`python -m services.segmenter`: serves until SIGTERM."""

from __future__ import annotations

from services.segmenter.app import build
from services.segmenter.memory import keep_heap
from services.segmenter.settings import SegmenterSettings
from synres.rpc.server import serve

if __name__ == "__main__":
    keep_heap()
    serve("segmenter", SegmenterSettings, build)
