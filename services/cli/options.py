"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synres.ports import ArtifactStore

if TYPE_CHECKING:
    from synres.domain.choice import BackendChoice, Scalar
    from synres.spec import RunSpec

Store = Annotated[
    str | None,
    typer.Option(
        "--store", help="A folder, or s3://bucket/prefix. Default: SYNRES_STORE_URL, else ./synres-store."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of tables.")]

Run = Annotated[str, typer.Argument(help="The run's id, the beginning of it, or its spec's name.")]

Model = Annotated[str, typer.Option(help="A known or pulled model (`synres models list`).")]
Option = Annotated[
    list[str], typer.Option("--option", help="An option of the backend, NAME=VALUE; may be given again.")
]


def chosen(backend: str, model: str, options: Sequence[str]) -> BackendChoice:
    """Raises as `options_in`, and for a model or option name of another form."""
    from synres.domain.choice import choose

    return choose(backend, model, options_in(options))


def options_in(options: Sequence[str]) -> dict[str, Scalar]:
    """Values are JSON scalars (2, 0.5, true), all else is text. Raises InvalidInput for a bad NAME=VALUE."""
    from synres.errors import InvalidInput

    pairs = [option.partition("=") for option in options]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise InvalidInput(f"--option {name!r}: give NAME=VALUE, for example steps=20")
    return {name: _scalar(text) for name, _, text in pairs}


def _scalar(text: str) -> Scalar:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, str | int | float | bool) else text


def opened(store: str | None) -> ArtifactStore:
    """The store that the option or the settings name."""
    from synres.ledger.stores import open_store
    from synres.settings import StoreSettings, load_settings

    settings = load_settings(StoreSettings)
    return open_store(store or settings.store_url, settings)


def existing(store: str | None) -> ArtifactStore:
    """The same for commands that only read: raises NotFound where there is none."""
    from synres.ledger.stores import find_store
    from synres.settings import StoreSettings, load_settings

    settings = load_settings(StoreSettings)
    return find_store(store or settings.store_url, settings)


def existing_run(store: str | None, run: str) -> tuple[ArtifactStore, str]:
    """The store, and the id of the run that is meant. Raises NotFound, or InvalidInput for several."""
    from synres.ledger.run_names import find_run

    there = existing(store)
    return there, find_run(there, run)


def loaded_spec(path: Path) -> RunSpec:
    """Raises NotFound or SpecInvalid; a backend that there is not is told with its line too."""
    from services.captioner import backends as captioner
    from services.generator import backends as generator
    from services.grouper import backends as grouper
    from services.segmenter import backends as segmenter
    from services.trainer import backends as trainer
    from synres.spec_yaml import load_spec

    names = {"caption": captioner.NAMES, "generate": generator.NAMES, "segment": segmenter.NAMES,
             "align": captioner.ALIGNERS, "group": grouper.NAMES, "train": trainer.NAMES,
             "scratch": trainer.FROM_SCRATCH}  # fmt: skip
    return load_spec(path, names)
