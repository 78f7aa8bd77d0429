"""`evaluate`: checkpoints on benchmarks, with intervals, failures and a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from services.cli.console import err, out, print_json
from services.cli.options import Json, Option, Store, opened, options_in
from synres.errors import InvalidInput

if TYPE_CHECKING:
    from services.cli.benchmarks import Benchmark
    from services.cli.checkpoints import Checkpoint
    from services.cli.evaluation import Advance, Evaluation
    from services.cli.scorecard import Differences, Slice
    from synres.ledger.ledger import Ledger

Names = Annotated[
    list[str],
    typer.Argument(
        help="refcoco/val, refcoco+/testA, refcocog/test, refclef/val, grefcoco/testB, reasonseg/val,"
        " wildres-id/val, wildres-ds/test, microworld/test, microworld/dev/40 (scenes)."
    ),
]


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(evaluate)


def evaluate(
    checkpoint: Annotated[
        str, typer.Argument(help="RUN:ARM, the digest of weights, or a model by name or folder.")
    ],
    benchmarks: Names,
    against: Annotated[
        str, typer.Option(help="Another checkpoint, for the paired difference: checkpoint - against.")
    ] = "",
    data: Annotated[Path, typer.Option(help="The folder that holds the datasets, in LISA's layout.")] = Path(
        "dataset"
    ),
    definition: Annotated[
        Literal["lisa", "gsva", "gres"], typer.Option(help="Which one the tables by slice show.")
    ] = "lisa",
    workers: Annotated[int, typer.Option(min=1, help="Processes; the numbers do not depend on it.")] = 1,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A folder for report.json and the galleries.")
    ] = None,
    gallery: Annotated[bool, typer.Option(help="Draw the worst answers, a PNG for each benchmark.")] = True,
    backend: Annotated[str, typer.Option(help="Of weights that are given by digest.")] = "micro",
    option: Option = [],  # noqa: B006
    store: Store = None,
    json: Json = False,
) -> None:
    """Score a checkpoint on benchmarks: measures with intervals, by subset and domain, and what failed.

    A model that may answer in two ways does so as `--option protocol=teacher_forced` or `=generated` says.
    A killed evaluation continues when it is asked for again.
    """
    from services.cli.benchmarks import put_benchmark
    from services.cli.checkpoints import find_checkpoint
    from synres.ledger.ledger import Ledger

    ledger, options = Ledger(opened(store)), options_in(option)
    folder = _made(output) if output else None
    names = [checkpoint, *filter(None, [against])]
    asked = [find_checkpoint(name, ledger.store, backend, options) for name in names]
    done = []
    for name in dict.fromkeys(benchmarks):
        benchmark = put_benchmark(ledger, name, data)
        done.append(_scored(benchmark, [_evaluated(ledger, one, benchmark, workers) for one in asked]))
        if not json:
            done[-1].print(definition, names)
    if not json:
        _print_rules(done)
    report = _report(asked, done)
    if folder:
        _write(ledger, folder, report, done, checkpoint if gallery else "")
    if json:
        print_json(report)
    elif folder:
        out.print(f"report: {folder / 'report.json'}", markup=False, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Scored:
    """One benchmark: the evaluation and the scorecard of each checkpoint, and of two the differences."""

    benchmark: Benchmark
    evaluations: Sequence[Evaluation]
    cards: Sequence[Mapping[str, Slice]]
    compared: Differences | None

    def print(self, definition: str, names: Sequence[str]) -> None:
        from services.cli.scoreboard import print_differences, print_scores

        about = f"{self.benchmark.name}, {self.benchmark.expressions:,} expressions"
        for name, card in zip(names, self.cards, strict=True):
            print_scores(out, f"{_short(name)} on {about}", card, definition)
        if self.compared:
            title = " - ".join(map(_short, names))
            print_differences(out, f"{title} on {about}", self.compared, definition)
        for name, found in zip(names, self.evaluations, strict=True):
            _tell_left_out(f"{_short(name)} on {self.benchmark.name}", found.rejected)
        _tell_left_out(self.benchmark.name, self.benchmark.refused)

    def facts(self, labels: Sequence[str]) -> dict[str, Any]:
        import msgspec

        from services.cli.worst import listed

        scores = {
            label: {
                "protocol": found.protocol, "rejected": found.rejected,
                "slices": card, "worst": listed(found.rows),
            }
            for label, found, card in zip(labels, self.evaluations, self.cards, strict=True)
        }  # fmt: skip
        facts = {"benchmark": self.benchmark, "scores": scores, "differences": self.compared}
        return dict(msgspec.to_builtins(facts))


def _scored(benchmark: Benchmark, evaluations: Sequence[Evaluation]) -> _Scored:
    from services.cli.scorecard import differences, scorecard

    is_grefcoco = benchmark.name.startswith("grefcoco/")
    rows = [found.rows for found in evaluations]
    cards = [scorecard(one, is_grefcoco) for one in rows]
    compared = differences(rows[0], rows[1], is_grefcoco) if len(rows) > 1 else None
    return _Scored(benchmark, evaluations, cards, compared)


def _tell_left_out(where: str, reasons: Mapping[str, int]) -> None:
    if reasons:
        told = ", ".join(f"{count:,} {reason}" for reason, count in reasons.items())
        out.print(f"left out of {where}: {told}", markup=False, highlight=False, soft_wrap=True)


def _evaluated(ledger: Ledger, checkpoint: Checkpoint, benchmark: Benchmark, workers: int) -> Evaluation:
    from services.cli.evaluation import evaluate_on

    with _progress(f"{_short(checkpoint.label)} on {benchmark.name}", benchmark.pictures) as advance:
        return evaluate_on(ledger, checkpoint, benchmark.rows, workers, advance)


@contextmanager
def _progress(title: str, pictures: int) -> Iterator[Advance]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as bars:
        task = bars.add_task(title, total=pictures)
        yield lambda done: bars.advance(task, done)


def _print_rules(done: Sequence[_Scored]) -> None:
    from services.cli.scoreboard import print_rules

    protocols = dict.fromkeys(found.protocol for scored in done for found in scored.evaluations)
    print_rules(out, " and ".join(protocols))


def _report(asked: Sequence[Checkpoint], done: Sequence[_Scored]) -> dict[str, Any]:
    from services.cli.scorecard import GROUND, RULES

    models = [found.model for found in done[0].evaluations]
    checkpoints = {
        one.label: {
            "backend": one.choice.backend, "model": one.choice.model, "options": dict(one.choice.options),
            "weights": one.weights, "digest": model.digest, "licence": model.licence,
        }
        for one, model in zip(asked, models, strict=True)
    }  # fmt: skip
    labels = [one.label for one in asked]
    return {
        "checkpoints": checkpoints,
        "rules": {"all": GROUND, **RULES},
        "benchmarks": {scored.benchmark.name: scored.facts(labels) for scored in done},
    }


def _write(
    ledger: Ledger, folder: Path, report: dict[str, Any], done: Sequence[_Scored], drawn_for: str
) -> None:
    import json

    from services.cli.worst import gallery

    (folder / "report.json").write_text(json.dumps(report, indent=2, sort_keys=True) + "\n")
    for scored in done if drawn_for else ():
        name, first = scored.benchmark.name, scored.evaluations[0]
        picture = gallery(ledger, first.rows, f"Worst answers on {name}", _short(drawn_for))
        (folder / f"{name.replace('/', '-')}-worst.png").write_bytes(picture)


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"--output {folder} cannot be made: {error.strerror}; name another") from error
    return folder


def _short(label: str) -> str:
    """A digest as people tell them apart."""
    return label[:12] if len(label) == 64 else label
