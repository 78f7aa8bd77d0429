"""`segment`: one picture, some expressions, an overlay."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from services.cli.console import out, print_json, visible
from services.cli.options import Json, Model, Option, Store, chosen, existing
from services.cli.outputs import check_png
from services.cli.pictures import read_picture, write_picture
from synres.errors import InvalidInput

if TYPE_CHECKING:
    from synres.domain.choice import BackendChoice
    from synres.ports import Image, ScoredMask, Segmenter


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(segment)


def segment(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG, WebP or BMP file.")],
    expressions: Annotated[
        list[str], typer.Argument(help='What to find, each in quotes: "the small red circle".')
    ],
    backend: Annotated[str, typer.Option(help="The segmenter's backend.")] = "micro",
    model: Model = "",
    option: Option = [],  # noqa: B006
    weights: Annotated[
        str, typer.Option(help="Digest of trained weights in the store; default: the shipped ones.")
    ] = "",
    address: Annotated[
        str | None, typer.Option(help="Ask the segmenter service at host:port instead.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The overlay, a PNG. Default: PICTURE-masks.png."),
    ] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Find what the expressions name in a picture; writes an overlay and prints the facts."""
    from synres.data.overlay import draw_masks

    if not all(expression.strip() for expression in expressions):
        raise InvalidInput('an expression is empty: say what to find, for example "the small red circle"')
    target = check_png(output or picture.with_name(f"{picture.stem}-masks.png"), picture)
    image = read_picture(picture)
    choice = chosen(backend, model, option)
    found = _asked(address, choice, weights, image, expressions) if address else _segmenter(
        choice, weights, store).segment(image, expressions)  # fmt: skip
    write_picture(target, draw_masks(image, [guess.mask for guess in found]))
    if json:
        print_json(
            {"overlay": str(target), "size": list(image.shape[:2]), "masks": _facts(expressions, found)}
        )
    else:
        out.print(_table(expressions, found))
        out.print(f"overlay: {target}", markup=False, highlight=False, soft_wrap=True)


def _segmenter(choice: BackendChoice, weights: str, store: str | None) -> Segmenter:
    from services.segmenter.backends import load_backend

    if not weights:
        return load_backend(choice)
    from synres.ledger.ledger import Ledger

    return load_backend(choice, Ledger(existing(store)).get_blob(weights))


def _asked(
    address: str, choice: BackendChoice, weights: str, image: Image, expressions: list[str]
) -> list[ScoredMask]:
    from synres.rpc.client import SegmenterClient
    from synres.settings import ClientSettings, load_settings

    token = load_settings(ClientSettings).token
    with SegmenterClient(address, token.get_secret_value() if token else None, timeout_s=60.0) as client:
        return client.segment(choice, image, expressions, weights)


def _facts(expressions: list[str], found: list[ScoredMask]) -> list[dict[str, object]]:
    from synres.domain.masks import box, encode_mask

    rles = [encode_mask(guess.mask) for guess in found]
    return [
        {"expression": e, "score": guess.score, "area": int(guess.mask.sum()), "box": list(box(rle)),
         "no_target": not guess.mask.any(), "rle": {"size": list(rle.size), "counts": rle.counts}}
        for e, guess, rle in zip(expressions, found, rles, strict=True)
    ]  # fmt: skip


def _table(expressions: list[str], found: list[ScoredMask]) -> Table:
    from synres.data.overlay import PALETTE

    table = Table("", "expression", "score", "pixels")
    for index, (expression, guess) in enumerate(zip(expressions, found, strict=True)):
        colour = "rgb({},{},{})".format(*PALETTE[index % len(PALETTE)])
        area = int(guess.mask.sum())
        table.add_row(
            Text("■", style=colour),
            Text(visible(expression)),
            f"{guess.score:.2f}",
            f"{area:,}" if area else "no target",
        )
    return table
