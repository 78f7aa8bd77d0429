"""`generate`: one prompt, some pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.console import err, out, print_json
from services.cli.options import Json, Model, Option, chosen
from services.cli.outputs import check_png
from services.cli.pictures import write_picture
from synres.errors import InvalidInput


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(generate)


def generate(
    prompt: Annotated[str, typer.Argument(help='What to draw, in quotes: "a small red circle".')],
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many pictures.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first picture; the others follow.")] = 0,
    backend: Annotated[str, typer.Option(help="The generator's backend.")] = "micro",
    model: Model = "",
    option: Option = [],  # noqa: B006
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A PNG; of several, the seed is put behind its name.")
    ] = Path("generated.png"),
    json: Json = False,
) -> None:
    """Draw pictures of a prompt."""
    from services.generator.backends import load_backend
    from synres.ports import GeneratorInput
    from synres.stages.generate import NO_VIEW

    check_png(output)
    choice = chosen(backend, model, option)
    generator = load_backend(choice)
    if generator.needs_view:
        raise InvalidInput(f"backend {backend} cuts its object out of a picture, which only a run has")
    seeds = list(range(seed, seed + n))
    drawn = generator.generate(GeneratorInput(prompt, (prompt,), NO_VIEW), seeds)
    facts = []
    for each, picture in zip(seeds, drawn, strict=True):
        target = output if n == 1 else output.with_name(f"{output.stem}-{each}{output.suffix}")
        if not picture.refusal:
            write_picture(target, picture.image)
        facts.append(
            {"seed": each, "file": "" if picture.refusal else str(target), "refusal": picture.refusal}
        )
    if json:
        info = generator.model
        print_json({"pictures": facts, "model": info.name, "licence": info.licence})
        return
    for fact in facts:
        console, text = (err, f"seed {fact['seed']}: kept back: {fact['refusal']}") if fact["refusal"] else (
            out, fact["file"])  # fmt: skip
        console.print(text, markup=False, highlight=False, soft_wrap=True)
