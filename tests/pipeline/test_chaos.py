"""`make chaos`: learned micro models behind real services, and everything is killed at random."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from services.allinone import LocalCluster, free_addresses
from services.cli.executors import executor_of
from services.coordinator.run import run_spec
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder, list_runs
from synres.ledger.verify import verify_run
from synres.settings import ServiceSettings, environment_with
from synres.spec_yaml import load_spec

SPEC = """
synres: 1
name: chaos
seed: 5
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 24, seed: 5}
    dev: {kind: microworld, split: dev, scenes: 4, domains: [day, fog]}
  synthesis:
    learned: &chain
      dataset: real
      samples: 12
      shard_size: 2
      caption: {backend: micro, expressions_per_prompt: 3}
      generate: {backend: micro, images_per_prompt: 2}
      segment: {backend: micro}
    retrained:
      <<: *chain
      segment: {backend: micro, weights: "arm:real"}
  arms:
    real:
      backend: micro
      data: {refer_seg: real}
      mixture: {sem_seg: 0, refer_seg: 1, vqa: 0, reason_seg: 0, synres: 0}
      steps: 20
      batch_size: 4
    synres:
      backend: micro
      data: {refer_seg: real, synres: retrained}
      mixture: {sem_seg: 0, refer_seg: 1, vqa: 0, reason_seg: 0, synres: 1}
      mosaic: {probability: 1.0}
      steps: 20
      batch_size: 4
  benchmarks: [dev]
execution: {workers: 3, max_attempts: 6}
"""
DRIVER_KILLS, PAUSE_S = 15, (2.0, 9.0)


class Killer(threading.Thread):
    """Kills a random service every few seconds, and starts it again."""

    def __init__(self, cluster: LocalCluster) -> None:
        super().__init__(daemon=True)
        self._cluster, self._dice = cluster, random.Random(2)
        self.over, self.kills = threading.Event(), 0

    def run(self) -> None:
        while not self.over.wait(self._dice.uniform(3.0, 10.0)):
            self._dice.choice(list(self._cluster.processes.values())).kill()
            self.over.wait(0.2)
            self._cluster.revive()
            self.kills += 1


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_everything_dies_again_and_again(tmp_path: Path) -> None:
    """Services and drivers die while micro models work over gRPC; the root is a quiet embedded run's."""
    spec_file, dice, kills = tmp_path / "chaos.yaml", random.Random(4), 0
    spec_file.write_text(SPEC)
    plain, shaken = FileStore(tmp_path / "plain"), FileStore(tmp_path / "shaken")
    spec = load_spec(spec_file)
    with executor_of(spec, Ledger(plain)) as executor:
        root = run_spec(spec, plain, executor).merkle_root
    settings = ServiceSettings(store_url=shaken.url, grace_s=1, drain_delay_s=0)
    addresses = free_addresses(settings)
    command = [sys.executable, "-m", "services.cli", "run", str(spec_file), "--executor", "grpc"]
    with LocalCluster(settings, addresses, tmp_path / "logs") as cluster:
        killer = Killer(cluster)
        killer.start()
        ended: int | None = None
        while ended is None:
            driver = subprocess.Popen(command, env=environment_with(settings, addresses))
            try:
                ended = driver.wait(dice.uniform(*PAUSE_S) if kills < DRIVER_KILLS else 600)
            except subprocess.TimeoutExpired:
                driver.kill()
                driver.wait()
                kills += 1
        killer.over.set()
        killer.join()
    (run,) = list_runs(shaken)
    commit = RunFolder(shaken, run).commit()
    assert ended == 0 and commit is not None
    assert commit.merkle_root == root
    assert verify_run(shaken, run).sound
    assert kills + killer.kills >= 5
