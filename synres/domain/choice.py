"""Which backend computes a stage, with which model and options: the three travel together, and are hashed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from synres.domain.digests import canonical_json
from synres.errors import InvalidInput

Scalar = str | int | float | bool
MODEL_NAME = r"^([A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?)?$"
"""`name` or `owner/name`; empty for the backend's default."""
OPTION_NAME = r"^[a-z][a-z0-9_]{0,39}$"
MAX_OPTIONS, MAX_OPTION_TEXT = 32, 2000


@dataclass(frozen=True, slots=True)
class BackendChoice:
    """`model` "" is the backend's default. `options` are (name, value), sorted by name.

    Raises InvalidInput for a model or option name of another form, for values that are no scalars, and for
    too many or too long ones. What a backend does not know, it refuses itself (`options_of`).
    """

    backend: str
    model: str = ""
    options: tuple[tuple[str, Scalar], ...] = ()

    def __post_init__(self) -> None:
        check_model_name(self.model)
        if len(self.options) > MAX_OPTIONS:
            raise InvalidInput(f"{len(self.options)} options; give at most {MAX_OPTIONS}")
        for name, value in self.options:
            _check_option(name, value)
        object.__setattr__(self, "options", tuple(sorted(self.options, key=lambda option: option[0])))

    @property
    def label(self) -> str:
        """One text for each choice: "sana", or "sana Efficient/Sana steps=2"; 2, 2.0 and "2" differ in it."""
        options = (f"{name}={canonical_json(value).decode()}" for name, value in self.options)
        return " ".join((self.backend, *filter(None, (self.model,)), *options))


def choose(backend: str, model: str = "", options: Mapping[str, Scalar] | None = None) -> BackendChoice:
    """From the form in which specs, params and messages carry a choice. Raises as `BackendChoice`."""
    return BackendChoice(backend, model, tuple((options or {}).items()))


def check_model_name(name: str) -> None:
    """Raises InvalidInput unless it is `name`, `owner/name` or empty, and of bounded length."""
    if not re.fullmatch(MODEL_NAME, name) or "--" in name or ".." in name:
        raise InvalidInput(
            f"{name[:100]!r} is no model name: use letters, digits, '.', '_', single '-' and at most one '/'"
        )


def nearest(name: str, names: Iterable[str]) -> str:
    """ "; did you mean 'steps'?", or "" when nothing is near."""
    found = difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def _check_option(name: str, value: object) -> None:
    if not re.fullmatch(OPTION_NAME, name):
        raise InvalidInput(f"option {name[:100]!r}: a name is lower-case letters, digits and '_', at most 40")
    if not isinstance(value, str | int | float | bool):
        raise InvalidInput(f"option {name} is {type(value).__name__}: text, a number, true or false is meant")
    if isinstance(value, str) and len(value) > MAX_OPTION_TEXT:
        raise InvalidInput(f"option {name} has {len(value)} characters; it may have {MAX_OPTION_TEXT}")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(f"option {name} is {value}: a finite number is meant")
