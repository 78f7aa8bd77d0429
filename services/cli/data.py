"""`synres data check`: what a dataset on disk holds, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.console import err, out, print_json
from services.cli.options import Json

if TYPE_CHECKING:
    from synres.data.check import Report, Seen
    from synres.data.readers.formats import Options

data_app = typer.Typer(help="Datasets on disk.", no_args_is_help=True)
PROBLEMS_FOUND = 2


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.add_typer(data_app, name="data")


@data_app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A dataset's folder, a folder of datasets, or a COCO file.")],
    fix: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Write a copy without what is wrong; the original stays as it is."),
    ] = None,
    split: Annotated[str, typer.Option(help="One split alone.")] = "",
    variant: Annotated[str, typer.Option(help="unc, google, umd (RefCOCO family); id, ds (WildRES).")] = "",
    images: Annotated[Path | None, typer.Option(help="The folder of pictures, if it lies elsewhere.")] = None,
    json: Json = False,
) -> None:
    """Name the format, count, and tell every problem with its file and line. Exit code 2 if there are any."""
    from synres.data.clean import prepare
    from synres.data.readers.formats import FORMATS, Options, detect
    from synres.errors import NotFound

    found = detect(path)
    if not found:
        titles = ", ".join(known.title for known in FORMATS.values())
        raise NotFound(f"{path} is none of: {titles} (docs/data.md shows how each lies on disk)")
    if fix:
        prepare(fix)
    asked = Options(split, variant, images)
    reports = [_checked(name, folder, asked, path, fix) for name, folder in found]
    if split and not any(report.counts["rows"] or report.problems for report in reports):
        raise NotFound(f"{path} has no row of the split {split!r}; without --split its splits are counted")
    if json:
        print_json({"datasets": [_document(report) for report in reports]})
    else:
        for report in reports:
            _print(report)
        if fix:
            out.print(f"cleaned copy in {fix}; {fix / 'problems.jsonl'} says what is not in it, and why")
    if any(report.problems for report in reports):
        raise typer.Exit(PROBLEMS_FOUND)


def _checked(name: str, folder: Path, asked: Options, path: Path, fix: Path | None) -> Report:
    from synres.data.check import Checker
    from synres.data.clean import CleanCopy, keep_sound
    from synres.data.readers.formats import parts

    copy = CleanCopy(name, folder, asked.images, path, fix) if fix else None
    there = [asked] if asked.split or asked.variant else parts(name, folder)
    checker = Checker(name, folder, [replace(part, images=asked.images) for part in there])
    kept = keep_sound(_watched(checker.rows(), name))
    if copy:
        copy.write(kept, checker.report)
    return checker.report


def _watched(rows: Iterable[Seen], name: str) -> Iterator[Seen]:
    """The rows, counted on a terminal: how many there are, nobody knows before the end."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn(name), TextColumn("{task.completed:,.0f} rows"), TimeElapsedColumn()
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield from progress.track(rows)


def _document(report: Report) -> dict[str, object]:
    from synres.data.clean import problem_lines

    return {
        "format": report.format, "folder": str(report.folder), "counts": dict(report.counts),
        "left_out": dict(report.left_out), "problems": list(problem_lines(report)),
    }  # fmt: skip


def _print(report: Report) -> None:
    from synres.data.readers.formats import FORMATS

    out.print(f"[bold]{FORMATS[report.format].title}[/] in {report.folder}", highlight=False, soft_wrap=True)
    counts = ", ".join(f"{count:,} {what}" for what, count in report.counts.items() if count)
    out.print(f"  {counts or 'nothing'}", highlight=False, soft_wrap=True)
    for reason, count in report.left_out.items():
        out.print(f"  {count:,} {reason}: left out, as usual", highlight=False)
    for problem in report.problems:
        line = f"  {problem.place}: {problem.reason}: {problem.message}"
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    told = Counter(problem.reason for problem in report.problems)
    sums = ", ".join(f"{count:,} {reason}" for reason, count in told.most_common())
    out.print(f"  [red]problems[/]: {sums}" if told else "  [green]no problems[/]", highlight=False)
