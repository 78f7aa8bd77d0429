"""`synres keys new`: who may call the segmenter's endpoint."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from services.cli.console import err, out

keys_app = typer.Typer(help="API keys of the segmenter's endpoint.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.add_typer(keys_app, name="keys")


@keys_app.command()
def new(
    name: Annotated[str, typer.Argument(help="Who calls with it: letters, digits, - and _.")],
    file: Annotated[
        Path | None, typer.Option(help="Add the key's line to this file, which the service reads.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Its last day (UTC). Default: for ever.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Calls per second. Default: the service's own.")
    ] = None,
) -> None:
    """Make an API key: it is shown once, and the service's file holds its hash."""
    from services.segmenter.keys import new_key
    from synres.errors import InvalidInput

    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise InvalidInput(f"{name!r} is no name of a key: letters, digits, '-' and '_', at most 64")
    key, line = new_key(name)
    line += f" rate={rate:.3f}".rstrip("0").rstrip(".") if rate else ""
    line += f" until={until:%Y-%m-%d}" if until else ""
    if file:
        with file.open("a+") as lines:
            lines.seek(0)
            # an editor may have left the last line open
            lines.write("" if lines.read()[-1:] in ("", "\n") else "\n")
            lines.write(f"{line}\n")
        err.print(f"its line was added to {file}", markup=False, highlight=False)
    else:
        err.print(f"a line for the service's file: {line}", markup=False, highlight=False, soft_wrap=True)
    out.print(key, markup=False, highlight=False, soft_wrap=True)
