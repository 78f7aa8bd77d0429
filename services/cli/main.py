"""`synres`: the user's door. Commands import what they need when they run, so that `--help` stays instant."""

from __future__ import annotations

import sys
import warnings

import typer

from services.cli import (
    data,
    demo,
    describing,
    evaluating,
    export,
    inspection,
    keys,
    models,
    painting,
    running,
    serving,
    single,
)
from services.cli.console import report_error
from services.cli.interrupt import is_interrupted
from synres.errors import SynresError

HELP = """Synthetic training data for referring expression segmentation.

Start with `synres demo`: the whole method on a laptop, offline, in minutes.

Exit codes: 0 done, 1 a fault of ours, 2 your input, 3 a backend is missing, 4 the store, 5 a service,
6 the run stopped itself, 130 interrupted.
"""

app = typer.Typer(
    help=HELP, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)  # fmt: skip
demo.register(app)
running.register(app)
evaluating.register(app)
inspection.register(app)
serving.register(app)
single.register(app)
describing.register(app)
painting.register(app)
export.register(app)
data.register(app)
keys.register(app)
models.register(app)


def main() -> None:
    """The command line: every error of ours becomes one sentence, a stable code and an exit code."""
    # Pillow's word about a huge picture: ours is an error that names the file
    warnings.filterwarnings("ignore", message="Image size")
    try:
        app(prog_name="synres")
    except SynresError as error:
        if not is_interrupted():
            report_error(error.code, error.message, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
