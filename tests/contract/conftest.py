"""What the contract suites share: the adapters under test, and the real servers behind them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.allinone import in_process, local_s3
from synres.ledger.file_store import FileStore
from synres.ledger.s3_store import S3Store
from synres.models.folders import models_dir, register_folder
from synres.models.onnx_export import export_micro
from synres.ports import ArtifactStore
from synres.settings import ClientSettings, ServiceSettings, StoreSettings
from tests.fakes import MemoryStore
from tests.tiny_coca import write_coca
from tests.tiny_models import write_clipseg, write_sam3
from tests.tiny_res import register_all

OpenStore = Callable[[], ArtifactStore]


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreSettings]:
    """Settings of a SeaweedFS server that lives as long as the tests."""
    with local_s3(tmp_path_factory.mktemp("seaweedfs")) as settings:
        yield settings


@pytest.fixture(params=["memory", "file", "s3"])
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """Opens one and the same empty store, as often as it is called."""
    if request.param == "memory":
        memory = MemoryStore()
        return lambda: memory
    if request.param == "file":
        return lambda: FileStore(tmp_path / "store")
    settings = request.getfixturevalue("s3")
    prefix = uuid.uuid4().hex
    return lambda: S3Store("contract", prefix, settings)


@pytest.fixture
def store(open_again: OpenStore) -> ArtifactStore:
    """An empty store."""
    return open_again()


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Models of the real architectures with random weights, where backends look for models."""
    folder = tmp_path_factory.mktemp("models")
    register_folder(write_coca(folder / "test--coca"), "test/coca", "coca", "MIT")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNRES_MODELS_DIR", str(folder))
        yield


@pytest.fixture(scope="session")
def tiny_segmenters(tiny_models: None) -> None:
    """Segmenters of the real architectures with random weights, and what they stand on."""
    for name, write in (("clipseg", write_clipseg), ("sam3", write_sam3)):
        folder = models_dir() / f"tiny--{name}"
        register_folder(write(folder), f"tiny/{name}", name, "MIT")
    export_micro(models_dir() / "micro-onnx")
    register_folder(models_dir() / "micro-onnx", "micro-onnx", "onnx", "Apache-2.0")
    register_all(models_dir())


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientSettings]:
    """Where the stage services listen, with their real backends, for as long as the tests."""
    store_url = str(tmp_path_factory.mktemp("services"))
    with in_process(ServiceSettings(store_url=store_url, grace_s=5.0)) as clients:
        yield clients
