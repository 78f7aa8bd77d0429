"""`segment`: one picture, some expressions, an overlay."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from services.cli.console import out, print_json, visible
from services.cli.options import Json, Model, Option, Store, chosen, existing
from services.cli.outputs import check_png
from services.cli.pictures import read_upright, write_picture
from synres.errors import InvalidInput

if TYPE_CHECKING:
    from synres.domain.choice import BackendChoice
    from synres.ports import Image, Segmenter
    from synres.rpc.endpoint import Answer


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(segment)


def segment(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG, WebP or BMP file.")],
    expressions: Annotated[
        list[str], typer.Argument(help='What to find, each in quotes: "the small red circle".')
    ],
    backend: Annotated[
        str, typer.Option(help="The segmenter's backend; default: micro, or what the service serves.")
    ] = "",
    model: Model = "",
    option: Option = [],  # noqa: B006
    weights: Annotated[
        str, typer.Option(help="Digest of trained weights in the store; default: the shipped ones.")
    ] = "",
    address: Annotated[
        str | None,
        typer.Option(
            help="Ask the segmenter at host:port (https://host:port for TLS) instead, with the token or an "
            "API key in SYNRES_TOKEN."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The overlay, a PNG. Default: PICTURE-masks.png."),
    ] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Find what the expressions name in a picture; writes an overlay and prints the facts.

    The picture is turned upright first, as its EXIF orientation says.
    """
    from synres.data.overlay import draw_masks

    if not all(expression.strip() for expression in expressions):
        raise InvalidInput('an expression is empty: say what to find, for example "the small red circle"')
    target = check_png(output or picture.with_name(f"{picture.stem}-masks.png"), picture)
    data, image = read_upright(picture)
    if address:
        found = _asked(address, data, expressions, chosen(backend, model, option), weights)
    else:
        found = _found(
            _segmenter(chosen(backend or "micro", model, option), weights, store), image, expressions
        )
    write_picture(target, draw_masks(image, [each.mask for each in found.masks]))
    if json:
        print_json({"overlay": str(target), **_facts(found)})
    else:
        out.print(_table(found))
        out.print(_origin(found), markup=False, highlight=False, soft_wrap=True)
        out.print(f"overlay: {target}", markup=False, highlight=False, soft_wrap=True)


def _segmenter(choice: BackendChoice, weights: str, store: str | None) -> Segmenter:
    from services.segmenter.backends import load_backend

    if not weights:
        return load_backend(choice)
    from synres.ledger.ledger import Ledger

    return load_backend(choice, Ledger(existing(store)).get_blob(weights))


def _found(segmenter: Segmenter, image: Image, expressions: list[str]) -> Answer:
    """As the endpoint answers, in this process."""
    from synres.domain.masks import measure_mask, union
    from synres.rpc.endpoint import Answer, FoundMask

    started_s = time.perf_counter()
    guesses = segmenter.segment(image, expressions)
    timings = {"model_ms": 1e3 * (time.perf_counter() - started_s)}
    masks = []
    for expression, guess in zip(expressions, guesses, strict=True):
        rle, area, box = measure_mask(guess.mask)
        masks.append(FoundMask(expression, rle, box, area, guess.score))
    merged = union([found.rle for found in masks])
    return Answer(tuple(masks), merged, merged.size, segmenter.model, timings, "")


def _asked(address: str, data: bytes, expressions: list[str], choice: BackendChoice, weights: str) -> Answer:
    from synres.rpc.endpoint import Endpoint
    from synres.settings import ClientSettings, load_settings

    token = load_settings(ClientSettings).token
    with Endpoint(address, token.get_secret_value() if token else None, timeout_s=60.0) as endpoint:
        return endpoint.segment(data, expressions, choice=choice, weights=weights)


def _facts(found: Answer) -> dict[str, object]:
    masks = [
        {"expression": each.expression, "score": each.score, "area": each.area, "box": list(each.box),
         "no_target": each.no_target, "rle": {"size": list(each.rle.size), "counts": each.rle.counts}}
        for each in found.masks
    ]  # fmt: skip
    model = {"name": found.model.name, "digest": found.model.digest, "licence": found.model.licence}
    merged = {"size": list(found.merged.size), "counts": found.merged.counts}
    return {"size": list(found.size), "masks": masks, "merged": merged, "model": model,
            "timings": found.timings_ms, "request_id": found.request_id}  # fmt: skip


def _origin(found: Answer) -> str:
    spent = ", ".join(f"{name.removesuffix('_ms')} {ms:.0f} ms" for name, ms in found.timings_ms.items())
    return f"model: {found.model.name} {found.model.digest[:12]} ({found.model.licence}); {spent}"


def _table(found: Answer) -> Table:
    from synres.data.overlay import PALETTE

    table = Table("", "expression", "score", "pixels", "box")
    for index, each in enumerate(found.masks):
        colour = "rgb({},{},{})".format(*PALETTE[index % len(PALETTE)])
        table.add_row(
            Text("■", style=colour),
            Text(visible(each.expression)),
            f"{each.score:.2f}",
            f"{each.area:,}" if each.area else "no target",
            "" if each.no_target else ",".join(map(str, each.box)),
        )
    return table
