"""A real Triton server around the tiny SANA: the one inside the nvidia-pytriton wheel, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from services.allinone import free_ports
from services.generator.settings import TritonSettings
from services.generator.triton_client import TritonClient

ROOT = Path(__file__).parents[1]
REPOSITORY = ROOT / "services" / "generator" / "triton"
VENV = ROOT / os.environ.get("TRITON_VENV", ".venv-triton")
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_SITE = VENV / "lib" / f"python{_PYTHON}" / "site-packages"
_SERVER = _SITE / "pytriton" / "tritonserver"
_MODEL = "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers"
READY_S = 180.0


def is_installed() -> bool:
    return (_SERVER / "bin" / "tritonserver").exists()


class TritonServer:
    """One server process; it keeps its port when it is started again.

    Beside the model "sana", which is `model` of `models_dir`, it is told to load "broken", whose weights are
    nowhere. `folder` must be empty.
    """

    def __init__(self, folder: Path, models_dir: Path, model: str) -> None:
        self.port, *self._ports = free_ports(3)
        self.settings = TritonSettings(triton_address=f"127.0.0.1:{self.port}", triton_return_s=READY_S)
        self._folder, self._models_dir = folder, models_dir
        self._shared_memory = f"synres-triton-{self.port}"
        self._write_model("sana", model)
        self._write_model("broken", "nobody/nothing")
        write_backend(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, wait: bool = True) -> None:
        """Returns when "sana" is ready, unless told not to wait."""
        with (self._folder / "triton.log").open("ab") as log:
            self._process = subprocess.Popen(
                command(self._folder, (self.port, *self._ports), self._shared_memory),
                env=environment() | {"SYNRES_MODELS_DIR": str(self._models_dir)},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            TritonClient("sana", self.settings).require_ready(READY_S)

    def kill(self) -> None:
        """As a machine that goes down: without a word, and with the processes of the models."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for left in Path("/dev/shm").glob(f"{self._shared_memory}*"):
            left.unlink()

    def log(self) -> str:
        return (self._folder / "triton.log").read_text(errors="replace")

    def _write_model(self, name: str, model: str) -> None:
        folder = self._folder / "repository" / name
        shutil.copytree(REPOSITORY / "sana", folder, ignore=shutil.ignore_patterns("__pycache__"))
        text = (folder / "config.pbtxt").read_text()
        assert _MODEL in text
        text = text.replace(_MODEL, model).replace('"bf16"', '"fp32"')
        (folder / "config.pbtxt").write_text(text.replace('name: "sana"', f'name: "{name}"'))


def command(folder: Path, ports: Sequence[int], shared_memory: str) -> list[str]:
    """Serves `folder`'s repository and backends on loopback; `ports` are those of gRPC, HTTP and metrics."""
    names = ("grpc", "http", "metrics")
    return [
        str(_SERVER / "bin" / "tritonserver"),
        f"--model-repository={folder / 'repository'}",
        f"--backend-directory={folder / 'backends'}",
        f"--backend-config=python,shm-region-prefix-name={shared_memory}",
        *(f"--{name}-address=127.0.0.1" for name in names),
        *(f"--{name}-port={port}" for name, port in zip(names, ports, strict=True)),
        "--exit-on-error=false",
    ]


def write_backend(folder: Path) -> None:
    """Triton's python backend, with the stub of this Python."""
    python = folder / "backends" / "python"
    shutil.copytree(_SERVER / "backends" / "python", python)
    shutil.copy(_SERVER / "python_backend_stubs" / _PYTHON / "triton_python_backend_stub", python)


def environment() -> dict[str, str]:
    """Of the server and the models' processes."""
    libraries = [str(_SITE / "nvidia_pytriton.libs"), sysconfig.get_config_var("LIBDIR")]
    return {
        **os.environ,
        # the models' processes take the Python that comes first here
        "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": ":".join(libraries),
        "CUDA_VISIBLE_DEVICES": "",
    }
