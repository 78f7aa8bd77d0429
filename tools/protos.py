"""Generates the gRPC stubs beside the code that uses them: `python -m tools.protos`.

The stubs are committed, so that nobody needs a compiler to run a service; a test compares them.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

REPOSITORY = Path(__file__).parents[1]


def generate(target: Path) -> None:
    """Writes `_pb2.py`, `_pb2.pyi` and `_pb2_grpc.py` of every proto under `target`."""
    root = REPOSITORY / "protos"
    includes = [f"-I{root}", f"-I{files('grpc_tools') / '_proto'}"]
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    protos = sorted(str(path.relative_to(root)) for path in root.rglob("*.proto"))
    if protoc.main(["protoc", *includes, *outputs, *protos]) != 0:
        raise SystemExit("protoc refused; see above")
    for proto in protos:
        for folder in (target / proto).parents[:2]:
            (folder / "__init__.py").touch()


if __name__ == "__main__":
    generate(REPOSITORY)
