"""Extras of the package, as people install them: what is missing is told with the command that brings it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from synres.errors import BackendUnavailable

# of a service's packages, those that an extra of their own brings
_EXTRA_OF = {"onnx": "export", "onnxscript": "export", "onnxruntime": "onnx"}


@contextmanager
def needs_extra(extra: str) -> Iterator[None]:
    """Around code, or as a decorator: a package that is not installed becomes BackendUnavailable."""
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", "synres", "services"):
            raise
        wanted = _EXTRA_OF.get(package, extra)
        raise BackendUnavailable(
            f'the Python package {package} is not installed: pip install "synres[{wanted}]"'
        ) from error
