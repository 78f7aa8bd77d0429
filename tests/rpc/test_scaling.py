"""Pods of a stage that come and go under a run: real processes behind one name."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from services.coordinator.events import Event, RunStarted, TaskDone, TaskFailed, TaskStarted, Waiting
from services.coordinator.executors.grpc import GrpcExecutor
from services.coordinator.run import run_spec
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder, list_runs
from synres.rpc.client import SegmenterClient
from synres.rpc.replicas import Resolve
from synres.rpc.server import Server
from tests.instant import INSTANT, build_instant
from tests.pods import Pods
from tests.rpc.conftest import Serve
from tests.runs import SPEC, spec_with, undisturbed_root

ALONE = (SPEC[SPEC.index("  arms:") : SPEC.index("execution:")], "")
TWELVE = spec_with(ALONE, ("shard_size: 4", "shard_size: 1"))
THREE = spec_with(
    ALONE,
    ("samples: 12", "samples: 3"),
    ("shard_size: 4", "shard_size: 1"),
    ("images_per_prompt: 2", "images_per_prompt: 1"),
)


@contextmanager
def executor_over(resolve: Resolve, ledger: Ledger, serve: Serve) -> Iterator[GrpcExecutor]:
    """Segmenters are where `resolve` says, the other services are in this process."""
    addresses = {name: serve(name) for name in ("captioner", "generator", "grouper")}
    addresses |= {"segmenter": "segmenter", "trainer": "127.0.0.1:1"}
    executor = GrpcExecutor(ledger, addresses, timeout_s=120, resolve=resolve)
    try:
        yield executor
    finally:
        executor.close()


def test_a_pod_drains_and_another_comes(serve: Serve, ledger: Ledger, tmp_path: Path) -> None:
    """The one that goes ends its calls and exits with 0, no request fails, the new one gets its share."""
    told = list[Event]()
    with Pods("segmenter", ledger.store.url, tmp_path, delay_s=0.1) as pods:
        going, staying, coming = (pods.start() for _ in range(3))
        for address in (going, staying, coming):
            pods.wait_until_serving(address)
        pods.ready += [going, staying]

        def listen(event: Event) -> None:
            told.append(event)
            if isinstance(event, TaskDone) and event.stage == "segment" and going in pods.ready:
                pods.ready.append(coming)
                # the driver stands still meanwhile, so that shards are left for the new one
                while executor.replicas()["segment"] < 3:
                    time.sleep(0.02)
                pods.end(going)

        with executor_over(pods.resolve, ledger, serve) as executor:
            commit = run_spec(TWELVE, ledger.store, executor, listen)
        assert pods.exit_code(going) == 0
        assert min(map(pods.shards, (going, staying, coming))) > 0
        assert sum(map(pods.shards, (going, staying, coming))) == 12
    assert not any(isinstance(event, TaskFailed | Waiting) for event in told)
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain", TWELVE)


def test_a_call_that_a_pod_cuts_as_it_goes_is_made_again(
    serve: Serve, ledger: Ledger, tmp_path: Path
) -> None:
    """It costs a retry, and no attempt of any item."""
    told = list[Event]()
    with Pods("segmenter", ledger.store.url, tmp_path, delay_s=4.0) as pods:
        going, staying = pods.start(grace_s=0.1, drain_delay_s=2.5), pods.start()
        for address in (going, staying):
            pods.wait_until_serving(address)
        pods.ready.append(going)

        def listen(event: Event) -> None:
            told.append(event)
            if isinstance(event, TaskStarted) and event.stage == "segment" and going in pods.ready:
                pods.ready.append(staying)
                pods.end(going)

        with executor_over(pods.resolve, ledger, serve) as executor:
            commit = run_spec(THREE, ledger.store, executor, listen)
        assert pods.exit_code(going) == 0
    assert any(isinstance(event, Waiting) and "went away" in event.message for event in told)
    assert not any(isinstance(event, TaskFailed) for event in told)
    (run,) = list_runs(ledger.store)
    assert not RunFolder(ledger.store, run).attempts()
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain", THREE)


def test_no_online_call_fails_while_its_pod_drains(ledger: Ledger, tmp_path: Path) -> None:
    """Over one channel to all of them: what a server that stops had not begun is asked again."""
    picture, answered, over = np.zeros((8, 8, 3), np.uint8), list[int](), threading.Event()
    with Pods("segmenter", ledger.store.url, tmp_path, delay_s=0.02) as pods:
        going, staying = (pods.start(drain_delay_s=1.0) for _ in range(2))
        for address in (going, staying):
            pods.wait_until_serving(address)
        pods.ready.append(going)

        def ask(client: SegmenterClient) -> None:
            while not over.is_set():
                answered.append(len(client.segment(INSTANT, picture, ["a", "b"])))

        def wait_for(count: int) -> None:
            while len(answered) < count and not any(caller.done() for caller in callers):
                time.sleep(0.02)

        both = f"ipv4:{going},{staying}"
        with SegmenterClient(both, timeout_s=60) as client, ThreadPoolExecutor(3) as pool:
            callers = [pool.submit(ask, client) for _ in range(3)]
            wait_for(20)
            pods.end(going)
            code = pods.exit_code(going)
            wait_for(len(answered) + 20)
            over.set()
            for caller in callers:
                caller.result()
    assert code == 0
    assert set(answered) == {2}


def test_a_stage_that_sleeps_is_waited_for(serve: Serve, ledger: Ledger, tmp_path: Path) -> None:
    """Nobody is there to be planned with, and again when the plan stands: each time one comes."""
    told, ready = list[Event](), list[str]()

    def resolve(address: str) -> list[str]:
        if address == "segmenter" and not ready:
            raise OSError("the name is not known")
        return list(ready) if address == "segmenter" else [address]

    def listen(event: Event) -> None:
        told.append(event)
        if isinstance(event, RunStarted):
            servers.pop().stop()
            ready.clear()
            while executor.replicas()["segment"]:
                time.sleep(0.02)
        elif isinstance(event, Waiting) and not ready:
            servers.append(_segmenter(ledger))
            ready.append(servers[-1].start())

    servers = list[Server]()
    with executor_over(resolve, ledger, serve) as executor:
        commit = run_spec(THREE, ledger.store, executor, listen)
    servers.pop().stop()
    waited = [event.what for event in told if isinstance(event, Waiting)]
    assert waited[0] == "the plan" and "segment" in waited
    assert not any(isinstance(event, TaskFailed) for event in told)
    assert commit.merkle_root == undisturbed_root(tmp_path / "plain", THREE)


def _segmenter(ledger: Ledger) -> Server:
    return build_instant("segmenter", listen="127.0.0.1:0", store_url=ledger.store.url, grace_s=0)
