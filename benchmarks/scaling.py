"""One more pod, that much more work: a run of the micro world with 1, 2 and 4 replicas of the segmenter.

    python -m benchmarks.scaling [--shards 32] [--wait-s 1]

Replicas are processes on loopback addresses of their own, behind one name and one port, as pods behind a
headless Service. Their model waits as one on a GPU would, so that this machine's cores do not decide; all
else (calls, pictures, masks, records) is what every run does. Throughput counts from the first segment shard
handed out to the last one recorded; ideal is that of one replica, times their number. Last, a replica gets
ready in mid-run: how long until it has done its first shard.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.coordinator.events import Event, TaskDone, TaskStarted
from services.coordinator.executors.grpc import GrpcExecutor
from services.coordinator.run import run_spec
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.spec import RunSpec
from synres.spec_yaml import parse_spec
from tests.instant import build_instant
from tests.pods import Pods

REPLICAS = (1, 2, 4)
PICTURES = 2  # of a shard
SPEC = """\
synres: 1
name: scaling
method:
  datasets:
    real: {{kind: microworld, split: train, scenes: {shards}}}
  synthesis:
    main:
      dataset: real
      samples: {shards}
      shard_size: 1
      caption: {{backend: instant, expressions_per_prompt: 3}}
      generate: {{backend: instant, images_per_prompt: {pictures}}}
      segment: {{backend: instant}}
execution: {{workers: 2, high_water_mark: {shards}}}
"""


class Clock:
    """Listens to a run: when the first segment shard was handed out, when the last one was recorded."""

    def __init__(self) -> None:
        self.first_s, self.last_s, self.shards = 0.0, 0.0, 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, TaskStarted) and event.stage == "segment" and not self.first_s:
            self.first_s = time.monotonic()
        if isinstance(event, TaskDone) and event.stage == "segment":
            self.shards, self.last_s = self.shards + 1, time.monotonic()

    @property
    def per_s(self) -> float:
        return self.shards / (self.last_s - self.first_s)


@dataclass(frozen=True, slots=True)
class Measured:
    """Shards a second, those of each replica, and the run's Merkle root."""

    per_s: float
    shares: list[int]
    root: str


@contextmanager
def executor_over(pods: Pods, ledger: Ledger) -> Iterator[GrpcExecutor]:
    """The other stages answer at once, in this process."""
    with ExitStack() as stack:
        addresses = {"segmenter": "segmenter", "trainer": "127.0.0.1:1"}
        for service in ("captioner", "generator", "grouper"):
            server = build_instant(service, listen="127.0.0.1:0", store_url=ledger.store.url)
            addresses[service] = stack.enter_context(server)
        executor = GrpcExecutor(ledger, addresses, resolve=pods.resolve)
        stack.callback(executor.close)
        yield executor


def measure(replicas: int, spec: RunSpec, wait_s: float, folder: Path) -> Measured:
    """A run from nothing over that many pods."""
    folder.mkdir()
    ledger, clock = Ledger(open_store(str(folder / "store"))), Clock()
    with Pods("segmenter", ledger.store.url, folder, wait_s / PICTURES) as pods:
        started = [pods.start(grace_s=1, drain_delay_s=0) for _ in range(replicas)]
        for address in started:
            pods.wait_until_serving(address)
        pods.ready += started
        with executor_over(pods, ledger) as executor:
            commit = run_spec(spec, ledger.store, executor, clock)
        return Measured(clock.per_s, [pods.shards(address) for address in started], commit.merkle_root)


def measure_late(spec: RunSpec, wait_s: float, folder: Path) -> float:
    """Seconds from a second pod's readiness to its first shard, that shard included."""
    folder.mkdir()
    ledger = Ledger(open_store(str(folder / "store")))
    with Pods("segmenter", ledger.store.url, folder, wait_s / PICTURES) as pods:
        first, late = (pods.start(grace_s=1, drain_delay_s=0) for _ in range(2))
        for address in (first, late):
            pods.wait_until_serving(address)
        pods.ready.append(first)
        ready_s, used_s = 0.0, 0.0

        def listen(event: Event) -> None:
            nonlocal ready_s, used_s
            if not ready_s and isinstance(event, TaskDone) and event.stage == "segment":
                pods.ready.append(late)
                ready_s = time.monotonic()
            if not used_s and pods.shards(late):
                used_s = time.monotonic()

        with executor_over(pods, ledger) as executor:
            run_spec(spec, ledger.store, executor, listen)
        assert used_s, "the run was over before the second replica had anything to do"
        return used_s - ready_s


def main() -> None:
    """Prints the table; fails if results differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shards", type=int, default=32)
    parser.add_argument("--wait-s", type=float, default=1.0, help="How long the model takes for a shard.")
    given = parser.parse_args()
    spec = parse_spec(SPEC.format(shards=given.shards, pictures=PICTURES), "scaling.yaml")
    print(f"{given.shards} shards of {PICTURES} pictures, {given.wait_s:g} s of waiting for each shard")
    print("replicas  shards/s   ideal  of ideal  shards of each replica")
    found: list[Measured] = []
    with tempfile.TemporaryDirectory() as folder:
        for replicas in REPLICAS:
            found.append(measure(replicas, spec, given.wait_s, Path(folder) / str(replicas)))
            ideal, per_s = replicas * found[0].per_s, found[-1].per_s
            shares = " ".join(map(str, found[-1].shares))
            print(f"{replicas:8}  {per_s:8.2f}  {ideal:6.2f}  {per_s / ideal:8.2f}  {shares}", flush=True)
        late_s = measure_late(spec, given.wait_s, Path(folder) / "late")
    assert len({each.root for each in found}) == 1, "the Merkle root depends on the replicas"
    print(f"one Merkle root in all of them: {found[0].root}")
    print(f"a replica that got ready in mid-run had done its first shard {late_s:.1f} s later")


if __name__ == "__main__":
    main()
