"""One Triton server for all tests here, and the same tiny SANA in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.generator.backends.sana import SanaGenerator
from services.generator.painter_options import SanaOptions
from synres.models.folders import ModelFolder, register_folder
from tests.conftest import HeavyTool
from tests.tiny_sana import write_sana
from tests.triton_server import TritonServer, is_installed

QUICK = {"steps": 2, "complex_human_instruction": False, "max_sequence_length": 64}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """The tiny SANA as a pulled model, in a models folder of its own."""
    folder = write_sana(tmp_path_factory.mktemp("models") / "tiny--sana")
    return register_folder(folder, "tiny/sana", "sana", "MIT")


@pytest.fixture(scope="session")
def triton(
    heavy_tool: HeavyTool, tiny: ModelFolder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TritonServer]:
    """A ready server. Whoever kills it starts it again."""
    heavy_tool(is_installed(), "triton")
    server = TritonServer(tmp_path_factory.mktemp("triton"), tiny.path.parent, tiny.name)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def sana(tiny: ModelFolder) -> SanaGenerator:
    """The backend that draws in this process."""
    return SanaGenerator(tiny, SanaOptions(**QUICK, precision="fp32"))
