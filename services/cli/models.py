"""`models`: what is known, what is here, where it comes from, and what may be done with it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from services.cli.console import err, out, print_json
from services.cli.options import Json
from synres.errors import InvalidInput

if TYPE_CHECKING:
    from synres.models.folders import ModelFolder
    from synres.models.pull import Wanted

ModelName = Annotated[str, typer.Argument(help="A model's name, as `synres models list` shows it.")]
models = typer.Typer(help="Models: list, show, pull, verify, licences, export-onnx.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.add_typer(models, name="models")


@models.command("list")
def list_models(json: Json = False) -> None:
    """Every known model and every pulled one, with its backend and licence."""
    from synres.models.catalogue import KNOWN
    from synres.models.folders import list_folders, models_dir

    here = list_folders()
    rows = [_facts(name, here.get(name)) for name in (*KNOWN, *sorted(set(here) - set(KNOWN)))]
    if json:
        print_json({"models_dir": str(models_dir()), "models": rows})
        return
    for row in rows:
        # a table of 80 columns would break the names, which are there to be copied
        out.print(Text(f"{row['name']}{'  (here)' if row['here'] else ''}", style="bold"), soft_wrap=True)
        _say(f"    {row['backend']}, {row['licence']}; a company may use it: {row['commercial']}")
    _say(f"pulled models: {models_dir()}")


@models.command()
def show(name: ModelName, json: Json = False) -> None:
    """One model: source, revision, licence, what it needs, and its files with their digests."""
    from synres.models.catalogue import known_model
    from synres.models.folders import list_folders

    here = list_folders().get(name)
    if not here:
        known_model(name)
    row = _facts(name, here)
    if json:
        print_json(row)
        return
    for field, value in row.items():
        if field != "files" and value not in ("", []):
            text = ", ".join(value) if isinstance(value, list) else str(value)
            _say(f"{field:>11}  {text}")
    if here:
        table = Table(_whole("file"), "bytes", "sha256")
        for path, file in here.files.items():
            table.add_row(path, f"{file.size:,}", file.sha256[:16])
        out.print(table)


@models.command()
def pull(
    name: ModelName,
    source: Annotated[
        Path | None, typer.Option("--from", help="A folder (or one file) with the model's files.")
    ] = None,
    revision: Annotated[str, typer.Option(help="A commit on the hub; default: the newest.")] = "",
    licence: Annotated[str, typer.Option(help="For a model of your own: its licence's id.")] = "",
    backend: Annotated[str, typer.Option(help="For a model of your own: the backend that loads it.")] = "",
    json: Json = False,
) -> None:
    """Fetch a model from the hub or take it from a folder, whole and checked."""
    from synres.models.pull import wanted_model

    folder = _pulled(wanted_model(name, revision, licence, backend), source)
    if json:
        print_json(_facts(name, folder))
        return
    size = sum(file.size for file in folder.files.values())
    _say(f"{name}: {len(folder.files)} files, {size:,} bytes, digest {folder.digest[:16]}")
    _say(f"licence {folder.licence}")
    if folder.revision:
        _say(f"revision {folder.revision}")
    _remark(name)


def _pulled(wanted: Wanted, source: Path | None) -> ModelFolder:
    from synres.models.folders import list_folders, open_model
    from synres.models.pull import pull_from_folder, pull_from_hub

    if source:
        return pull_from_folder(wanted, source)
    here = list_folders().get(wanted.name)
    if here and wanted.revision in ("", here.revision):
        return open_model(wanted.name)
    return pull_from_hub(wanted)


def _remark(name: str) -> None:
    """What else a known model asks for."""
    from synres.models.catalogue import KNOWN
    from synres.models.folders import list_folders

    if name not in KNOWN:
        return
    here = list_folders()
    _say(KNOWN[name].licence.terms, err)
    for other in KNOWN[name].needs:
        if other not in here:
            _say(f"it needs {other}: synres models pull {other}", err)


@models.command()
def verify(
    name: Annotated[str, typer.Argument(help="A pulled model; without it, all of them.")] = "",
    json: Json = False,
) -> None:
    """Read every file of pulled models again and compare it with its digest."""
    from synres.models.folders import list_folders, open_model

    if name == "micro":
        raise InvalidInput("the micro models ship with the package and are checked each time one is loaded")
    names = [name] if name else sorted(list_folders())
    digests = {each: open_model(each, verify_all=True).digest for each in names}
    if json:
        print_json(digests)
        return
    for each, digest in digests.items():
        _say(f"{each}: every file is what its manifest says ({digest[:16]})")
    if not digests:
        _say("no model is here yet; `synres models pull NAME` brings one")


@models.command("export-onnx")
def export_onnx(
    name: Annotated[str, typer.Argument(help="micro, or a pulled CLIPSeg, LISA, GSVA or GLaMM.")],
    new_name: Annotated[str, typer.Option("--as", help="The new model's name; default: NAME-onnx.")] = "",
    json: Json = False,
) -> None:
    """Write a model as ONNX graphs, a new model for backend onnx; of a LISA-like one, its mask decoder."""
    from synres.extras import needs_extra

    # a CLIPSeg or LISA is built to be exported
    with needs_extra("segmenter"):
        from synres.models.onnx_models import export_model
    folder = export_model(name, new_name or f"{name}-onnx")
    if json:
        print_json(_facts(folder.name, folder))
        return
    _say(f"{folder.name}: {', '.join(folder.files)}, digest {folder.digest[:16]}")


@models.command()
def licences(json: Json = False) -> None:
    """Licence ids as `policy.allowed_licences` takes them, and what a company may do under each."""
    from synres.models.catalogue import KNOWN

    terms = {
        licence: [model.name for model in KNOWN.values() if model.licence == licence]
        for licence in dict.fromkeys(model.licence for model in KNOWN.values())
    }
    if json:
        found = [asdict(licence) | {"models": names} for licence, names in terms.items()]
        print_json(found)
        return
    table = Table(_whole("licence"), "a company may", "terms", _whole("models"), show_lines=True)
    for licence, names in terms.items():
        table.add_row(licence.ids, licence.commercial, licence.terms, "\n".join(names))
    out.print(table)
    _say("This is no legal advice.")


def _facts(name: str, here: ModelFolder | None) -> dict[str, object]:
    from synres.models.catalogue import KNOWN

    known = KNOWN.get(name)
    licence = known.licence if known else None
    return {
        "name": name,
        "backend": here.backend if here else known.backend if known else "",
        "licence": here.licence if here else licence.ids if licence else "",
        "commercial": licence.commercial if licence else "unknown",
        "terms": licence.terms if licence else "",
        "hub": known.hub if known else "",
        "source": known.source if known else "",
        "needs": list(known.needs) if known else [],
        "here": "yes" if here else "",
        "revision": here.revision if here else "",
        "digest": here.digest if here else "",
        "files": {path: file.sha256 for path, file in here.files.items()} if here else {},
    }


def _whole(header: str) -> Column:
    """A column that breaks long names rather than cut them."""
    return Column(header, overflow="fold")


def _say(text: str, console: Console = out) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
