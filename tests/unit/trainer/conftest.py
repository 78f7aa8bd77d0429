"""What all tests of the trainer stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from synres.ledger.ledger import Ledger
from tests.fakes import MemoryStore


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As every composition root sets it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def ledger() -> Ledger:
    """An empty store in memory."""
    return Ledger(MemoryStore())


@pytest.fixture(scope="module")
def res_models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every model of `tests.res_trainings`, where backends look for them."""
    # transformers is slow to import, and most tests here do without
    from tests.res_trainings import register_all

    folder = tmp_path_factory.mktemp("models")
    register_all(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNRES_MODELS_DIR", str(folder))
        yield
