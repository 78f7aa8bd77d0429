"""`caption`: one object of one picture, some expressions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.console import err, out, print_json
from services.cli.options import Json, Model, Option, chosen
from services.cli.pictures import box_mask, read_mask, read_picture
from synres.errors import InvalidInput

if TYPE_CHECKING:
    from synres.ports import Image, Mask


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(caption)


def caption(
    picture: Annotated[Path, typer.Argument(help="A PNG, JPEG, WebP or BMP file.")],
    mask: Annotated[
        Path | None, typer.Option(help="A picture of the same size, white where the object is.")
    ] = None,
    box: Annotated[str | None, typer.Option(help="Instead of a mask: x,y,width,height in pixels.")] = None,
    category: Annotated[str, typer.Option(help="What the object is, in one word.")] = "object",
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many expressions.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, the same expressions.")] = 0,
    backend: Annotated[str, typer.Option(help="The captioner's backend.")] = "attributes",
    model: Model = "",
    option: Option = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Say in distinct expressions what an object in a picture is."""
    from services.captioner.backends import load_backend
    from synres.ports import ObjectView

    image = read_picture(picture)
    view = ObjectView(image, _mask_of(image, mask, box), category)
    captioner = load_backend(chosen(backend, model, option))
    found = captioner.caption(view, n, seed)
    if json:
        print_json({"expressions": found.expressions, "shortfall": found.shortfall,
                    "model": captioner.model.name, "licence": captioner.model.licence})  # fmt: skip
        return
    for expression in found.expressions:
        out.print(expression, markup=False, highlight=False, soft_wrap=True)
    if found.shortfall:
        err.print(f"{len(found.expressions)} of {n}: {found.shortfall}", markup=False, highlight=False)


def _mask_of(image: Image, mask: Path | None, box: str | None) -> Mask:
    if mask is not None and box is None:
        return read_mask(mask, image)
    if box is not None and mask is None:
        return box_mask(box, image)
    raise InvalidInput("say where the object is: with --mask FILE or with --box X,Y,WIDTH,HEIGHT")
