"""What a person reads: one console for results (stdout), one for progress and errors (stderr)."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.text import Text

out = Console()
err = Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout, sorted and indented."""
    out.out(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False), highlight=False)


def report_error(code: str, message: str, as_json: bool) -> None:
    """`error CODE: sentence` on stderr, or the same as one line of JSON."""
    if as_json:
        err.out(
            json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False), highlight=False
        )
        return
    err.print(Text.assemble(("error ", "bold red"), (code, "bold"), f": {message}"), soft_wrap=True)
