"""What code a dataset was drawn by: a version would have to be kept true by hand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import resources

from synres.domain.digests import digest_bytes, digest_json


def code_digest(module: str) -> str:
    """Digest of the module's file and of those of its package that it imports, directly or not."""
    package, _, name = module.rpartition(".")
    folder, waiting, files = resources.files(package), [name], dict[str, bytes]()
    while waiting:
        name = waiting.pop()
        if name not in files:
            files[name] = folder.joinpath(f"{name.replace('.', '/')}.py").read_bytes()
            waiting += _imported(files[name], package)
    return digest_json([[name, digest_bytes(data)] for name, data in sorted(files.items())])


def _imported(source: bytes, package: str) -> Iterator[str]:
    """Names of the package's own modules in `from package.name import ...`, the house's way of importing."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(f"{package}."):
            yield node.module.removeprefix(f"{package}.")
