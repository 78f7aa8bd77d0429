"""Many threads meet one dataclass for the first time."""

from __future__ import annotations

import subprocess
import sys

MEET = """
import sys, threading
from dataclasses import make_dataclass
import msgspec
from synres.typed_json import decode_json, decode_json_lines, fit

sys.setswitchinterval(1e-6)
plain = {"inner": {"n": 1}, "more": [{"n": 2}]}
data = msgspec.json.encode(plain)
ways = [lambda kind: decode_json(data, kind), lambda kind: decode_json_lines(data, kind)[0],
        lambda kind: fit(plain, kind)]
for turn in range(300):
    inner = make_dataclass("Inner", [("n", int)])
    kind = make_dataclass("Outer", [("inner", inner), ("more", tuple[inner, ...])])
    gate, got = threading.Barrier(6), []

    def meet(way):
        gate.wait()
        got.append(way(kind))

    threads = [threading.Thread(target=meet, args=(way,)) for way in ways * 2]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert got == [kind(inner(1), (inner(2),))] * 6, got
"""


def test_threads_that_meet_a_dataclass_at_once_all_read_it() -> None:
    """In a process of its own: where the type is learnt without a lock, the interpreter dies of it."""
    done = subprocess.run([sys.executable, "-c", MEET], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
