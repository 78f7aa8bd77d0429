"""What the rpc tests share: a store, and services with instant backends around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from tests.instant import build_instant

Serve = Callable[..., str]
"""(service, delay_s=..., version=..., **settings) -> address."""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """An empty ledger in a folder."""
    return Ledger(open_store(str(tmp_path / "store")))


@pytest.fixture
def serve(ledger: Ledger) -> Iterator[Serve]:
    """Starts services over `ledger` in this process; all stop at the end."""
    with ExitStack() as stack:

        def start(service: str, **options: object) -> str:
            defaults = {"listen": "127.0.0.1:0", "store_url": ledger.store.url, "grace_s": 5.0}
            return stack.enter_context(build_instant(service, **(defaults | options)))

        yield start
