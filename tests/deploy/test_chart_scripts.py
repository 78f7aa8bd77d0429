"""What `helm test` runs in its pods, run here against services in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.allinone import free_addresses, in_process
from services.coordinator.app import build
from services.coordinator.settings import CoordinatorSettings
from synres.rpc.channel import Connection
from synres.settings import ClientSettings, ServiceSettings, environment_with
from synres.spec_yaml import load_spec
from tests.deploy.charts import CHART, ROOT

pytestmark = pytest.mark.without_helm
SCRIPTS = CHART / "files" / "tests"


def _run(script: str, *arguments: str, settings: ClientSettings) -> subprocess.CompletedProcess[str]:
    environment = environment_with(settings) | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    command = [sys.executable, str(SCRIPTS / script), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_one_item_goes_through_all_services(tmp_path: Path) -> None:
    """The coordinator drives it over gRPC with the micro models, and commits."""
    settings = ServiceSettings(store_url=str(tmp_path), token="s3cret", grace_s=1.0)
    with in_process(settings) as clients:
        where = dict(clients) | {"trainer_address": free_addresses(settings).trainer_address}
        given = dict(settings) | where | {"listen": "127.0.0.1:0"}
        with build(CoordinatorSettings(**given)) as address:
            client = clients.model_copy(update={"coordinator_address": address})
            ended = _run("run_item.py", settings=client)
            refused = _run("run_item.py", settings=client.model_copy(update={"token": None}))
    assert ended.returncode == 0, ended.stderr
    assert refused.returncode != 0


def test_health_names_who_does_not_serve(tmp_path: Path) -> None:
    """And only those."""
    settings = ServiceSettings(store_url=str(tmp_path), grace_s=1.0)
    with in_process(settings, ["grouper"]) as clients:
        silent = free_addresses(settings).trainer_address
        assert Connection(clients.grouper_address).is_serving()
        well = _run("health.py", clients.grouper_address, settings=clients)
        ill = _run("health.py", clients.grouper_address, silent, settings=clients)
    assert well.returncode == 0, well.stderr
    assert ill.returncode == 1
    assert f"not serving: {silent};" in ill.stderr


def test_the_item_is_a_spec() -> None:
    """Its seed is the one that the script replaces."""
    spec = load_spec(SCRIPTS / "item.yaml")
    assert spec.seed == 0
