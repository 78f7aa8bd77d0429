"""Backends by choice, loaded on first use and kept: for the servicers and for the embedded executor."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Generic, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from synres.domain.choice import BackendChoice as BackendChoice
from synres.domain.choice import nearest
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import Segmenter
from synres.typed_json import fit

Backend = TypeVar("Backend")
Options = TypeVar("Options")

_KEPT = 8
_TRAINED_KEPT = 4


# libraries change defaults of the whole process while they build a model: one is built at a time
_LOADING = threading.RLock()
Key = TypeVar("Key")


class _Kept(Generic[Key, Backend]):
    """The last `most` of what was loaded. What is there is given at once, also while something loads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._loaded: OrderedDict[Key, Backend] = OrderedDict()

    def get(self, key: Key, load: Callable[[], Backend]) -> Backend:
        """Loads once, however many threads ask."""
        found = self._find(key)
        if found is not None:
            return found
        with _LOADING:
            found = self._find(key)
            if found is None:
                found = self._keep(key, load())
            return found

    def _find(self, key: Key) -> Backend | None:
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
            return self._loaded.get(key)

    def _keep(self, key: Key, backend: Backend) -> Backend:
        with self._lock:
            self._loaded[key] = backend
            while len(self._loaded) > self._most:
                self._loaded.popitem(last=False)
        return backend


class Backends(Generic[Backend]):
    """`load` is a service's `load_backend`; its errors (NotFound, BackendUnavailable) are not kept.

    The last few choices stay loaded.
    """

    def __init__(self, load: Callable[[BackendChoice], Backend]) -> None:
        self._load = load
        self._kept: _Kept[str, Backend] = _Kept(_KEPT)

    def get(self, choice: BackendChoice) -> Backend:
        """Loads once, however many threads ask."""
        return self._kept.get(choice.label, lambda: self._load(choice))


class LoadSegmenter(Protocol):
    def __call__(self, choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
        """The model's own weights for None, else safetensors bytes; raises ArtifactCorrupt for bad ones."""


class SegmenterBackends(Backends[Segmenter]):
    """Segmenters with their own weights, and the last few with trained weights from the ledger."""

    def __init__(self, ledger: Ledger, load: LoadSegmenter) -> None:
        super().__init__(load)
        self._ledger = ledger
        self._load_weights = load
        self._trained: _Kept[tuple[str, str], Segmenter] = _Kept(_TRAINED_KEPT)

    def get_trained(self, choice: BackendChoice, weights: str) -> Segmenter:
        """`weights` is a blob's digest, "" the model's own. Raises ArtifactMissing or ArtifactCorrupt."""
        if not weights:
            return self.get(choice)
        load = lambda: self._load_weights(choice, self._ledger.get_blob(weights))
        return self._trained.get((choice.label, weights), load)


def options_of(choice: BackendChoice, kind: type[Options]) -> Options:
    """The choice's options as `kind`, a dataclass of scalars with defaults.

    Raises InvalidInput that names the unknown option, the backend and the nearest right name, or the value
    of another type.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name, _ in choice.options:
        if name not in known:
            raise InvalidInput(f"backend {choice.backend} has no option {name!r}{nearest(name, known)};"
                               f" it has {', '.join(known)}")  # fmt: skip
    try:
        return fit(dict[str, Any](choice.options), kind)
    except msgspec.ValidationError as error:
        told = f"{error}{_allowed(kind, error)}"
        raise InvalidInput(f"an option of backend {choice.backend}: {told}") from error


def _allowed(kind: type, error: msgspec.ValidationError) -> str:
    """The values that the option at fault may have, where they can be listed."""
    name = str(error).rpartition("$.")[2].rstrip("`")
    hint = get_type_hints(kind).get(name)
    return f"; it may be {', '.join(map(str, get_args(hint)))}" if get_origin(hint) is Literal else ""


def refuse_model(choice: BackendChoice) -> None:
    """For a backend that is its own model; raises InvalidInput for a choice with a model."""
    if choice.model:
        raise InvalidInput(f"backend {choice.backend} is its own model: leave out model {choice.model!r}")


def refuse_extras(choice: BackendChoice) -> None:
    """For a backend that is its own model and has no options; raises InvalidInput for either."""
    refuse_model(choice)
    refuse_options(choice)


def refuse_options(choice: BackendChoice) -> None:
    """For a backend that has no options; raises InvalidInput for a choice with some."""
    if choice.options:
        raise InvalidInput(f"backend {choice.backend} has no options: leave out {choice.options[0][0]!r}")
