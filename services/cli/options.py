"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from synres.ports import ArtifactStore

Store = Annotated[
    str | None,
    typer.Option(
        "--store", help="A folder, or s3://bucket/prefix. Default: SYNRES_STORE_URL, else ./synres-store."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of tables.")]


def opened(store: str | None) -> ArtifactStore:
    """The store that the option or the settings name."""
    from synres.ledger.stores import open_store
    from synres.settings import StoreSettings, load_settings

    settings = load_settings(StoreSettings)
    return open_store(store or settings.store_url, settings)
