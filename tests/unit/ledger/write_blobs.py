"""Writes one blob of each kind into a folder: run in processes that differ in all that must not matter."""

from __future__ import annotations

import sys
import time

import numpy as np
from safetensors.numpy import save

from synres.data.images import encode_png
from synres.domain.digests import canonical_json
from synres.domain.types import Rejection
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action, Body, Meta, Record
from tests.unit.ledger.small_run import write_small_run


def main(root: str, now_s: float) -> None:
    """The clock is set to `now_s` before anything is written."""
    time.time = lambda: now_s
    time.time_ns = lambda: int(now_s * 1e9)
    store = FileStore(root)
    ledger = Ledger(store)
    write_small_run(store)
    names = {"b", "a", "weights.2", "weights.10"}
    ledger.put_blob(save({name: np.arange(6, dtype=np.float32) for name in names}), "application/safetensors")
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    rows = ledger.put_blob(encode_png(pixels), "image/png")
    ledger.put_blob(canonical_json({name: len(name) for name in names}), "application/json")
    rejections = {Rejection(name, "empty_mask") for name in names}
    body = Body(
        Action("caption", 1, "model", canonical_json(dict.fromkeys(names, 0.65)).decode(), ()),
        dict.fromkeys(names, rows.digest),
        tuple(sorted(rejections)),
        dict.fromkeys(names, 1),
    )
    ledger.commit_record(Record(body, Meta()))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
