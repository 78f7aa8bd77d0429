"""`run`, `plan`, `status`, `train`: commands around one spec or one run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.console import out, print_json
from services.cli.options import Json, Store, existing, existing_run, loaded_spec, opened
from synres.errors import SynresError

if TYPE_CHECKING:
    from services.cli.progress import RunProgress
    from services.coordinator.run import RunStatus
    from synres.ports import ArtifactStore
    from synres.spec import RunSpec

SpecFile = Annotated[Path, typer.Argument(help="A run spec, for example configs/micro.yaml.")]
Executor = Annotated[
    Literal["embedded", "grpc"] | None,
    typer.Option(help="In this process, or by services (see `synres up`)."),
]
Workers = Annotated[int | None, typer.Option(min=1, help="Tasks at a time; default: the spec's.")]
ArmName = Annotated[str, typer.Option("--arm", help="The arm's name in the spec.")]
REFRESH_S = 1.0


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    for command in (run, plan, status, train):
        app.command()(command)


def run(
    spec: SpecFile,
    executor: Executor = None,
    workers: Workers = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Compute whatever of the spec is not in the store yet, then print the table."""
    _run_and_show(_loaded(spec, executor, workers), opened(store), json)


def train(
    spec: SpecFile, arm: ArmName,
    follow: Annotated[bool, typer.Option("--follow", help="Print what its jobs say as well.")] = False,
    executor: Executor = None, workers: Workers = None, store: Store = None, json: Json = False,
) -> None:  # fmt: skip
    """Train one arm of a spec, with whatever it needs and nothing else."""
    from services.cli.narrow import only_arm

    _run_and_show(only_arm(_loaded(spec, executor, workers), arm), opened(store), json, follow)


def plan(spec: SpecFile, executor: Executor = None, store: Store = None, json: Json = False) -> None:
    """Say what a run would compute, what is there already, and about what it would cost."""
    from services.cli.executors import executor_of
    from services.coordinator.run import plan_spec
    from synres.ledger.ledger import Ledger

    loaded, target = _loaded(spec, executor, None), opened(store)
    with executor_of(loaded, Ledger(target)) as chosen:
        estimate = plan_spec(loaded, target, chosen)
    if json:
        print_json(
            {
                "run": estimate.run,
                "planned": estimate.planned,
                "cached": estimate.cached,
                "cost": estimate.cost,
                "licences": estimate.licences,
            }
        )
        return
    out.print(Text(f"run {estimate.run}"), _stage_table(estimate.planned, estimate.cached), sep="\n")
    for place, licence in estimate.licences.items():
        out.print(f"{place}: {licence}", markup=False, highlight=False, soft_wrap=True)
    if estimate.cached == estimate.planned:
        out.print("nothing to compute: all of it is there")
        return
    costs = ", ".join(f"{name} {amount:,.1f}" for name, amount in estimate.cost.items() if amount)
    out.print(f"to compute, by the costs of like records: {costs or 'unknown, nothing like it was run here'}")


def status(
    run: Annotated[
        str | None,
        typer.Argument(help="The run's id, the beginning of it, or its spec's name; without it, all runs."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and show the run as it goes.")] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Show how a run stands, from the store alone."""
    from services.coordinator.run import status as status_of
    from synres.ledger.run_names import named_runs

    if run is None:
        target = existing(store)
        _list_runs(named_runs(target), json)
        if not json:
            _tell_of_plans(target)
        return
    target, run = existing_run(store, run)
    now = status_of(target, run)
    if json:
        print_json({"run": run, "name": now.name, "planned": now.planned, "done": now.done,
                    "attempts": now.attempts, "quarantined": now.quarantined,
                    "merkle_root": now.commit.merkle_root if now.commit else None,
                    "driver": now.driver, "waits_for": now.waits_for,
                    "last_failure": now.last_failure})  # fmt: skip
        return
    if not watch:
        out.print(_status_view(now))
        return
    with Live(_status_view(now), console=out, refresh_per_second=4) as live:
        while now.commit is None:
            time.sleep(REFRESH_S)
            now = status_of(target, run)
            live.update(_status_view(now))


def execute(spec: RunSpec, store: ArtifactStore, follow: bool = False) -> RunProgress:
    """Runs the spec with progress on stderr; what it was and how much was new stands in the progress.

    With `follow`, the lines of its jobs too.
    """
    from services.cli.executors import executor_of
    from services.cli.follow import Follower
    from services.cli.progress import RunProgress
    from services.coordinator.run import run_spec
    from synres.ledger.ledger import Ledger

    with executor_of(spec, Ledger(store)) as executor, RunProgress() as progress:
        follower = Follower(executor.jobs, progress, progress.quote)
        with follower if follow else nullcontext(progress) as listen:
            run_spec(spec, store, executor, listen)
    return progress


def _run_and_show(spec: RunSpec, store: ArtifactStore, as_json: bool, follow: bool = False) -> None:
    from services.cli.outcome import print_outcome

    print_outcome(spec, store, execute(spec, store, follow), as_json)


def _loaded(path: Path, executor: str | None, workers: int | None) -> RunSpec:
    spec = loaded_spec(path)
    chosen = {"executor": executor, "workers": workers}
    update = {name: value for name, value in chosen.items() if value is not None}
    return spec.model_copy(update={"execution": spec.execution.model_copy(update=update)})


def _list_runs(runs: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(list(runs))
        return
    for run, name in runs.items():
        out.print(f"{run}  {name}", markup=False, highlight=False)
    if not runs:
        out.print("no run here yet; start with `synres demo`", highlight=False)


def _tell_of_plans(store: ArtifactStore) -> None:
    from services.coordinator.executor import where_to_look
    from services.coordinator.wanted import wanted

    stages = set[str]()
    with suppress(SynresError):
        # how old a note is shows by a write, and whoever asks may only read
        stages = wanted(store)
    for stage in sorted(stages):
        keeps = f"a run is being planned, and no replica of {stage} is ready: {where_to_look(stage)}"
        out.print(keeps, markup=False, highlight=False, soft_wrap=True)


def _stage_table(planned: dict[str, int], done: dict[str, int]) -> Table:
    table = Table("stage", "there", "planned")
    for stage, total in planned.items():
        table.add_row(stage, str(done.get(stage, 0)), str(total))
    return table


def _status_view(found: RunStatus) -> Group:
    from synres.stages.align import NOT_RENDERED

    state = "finished" if found.commit else "open"
    failures = f"{found.attempts} failed attempts, {found.quarantined} in quarantine"
    if "align" in found.planned:
        dropped = sum(record.counts.get(NOT_RENDERED, 0) for record in found.records.values())
        failures += f", {dropped} expressions not rendered"
    table = _stage_table(found.planned, found.done)
    lines = [Text(failures), *map(Text, _what_keeps(found))]
    return Group(Text(f"run {found.run} ({found.name}): {state}"), table, *lines)


def _what_keeps(found: RunStatus) -> Iterator[str]:
    if found.commit is None:
        yield f"driven by {found.driver}" if found.driver else "nobody drives it: run its spec again to go on"
    if found.waits_for:
        yield f"waiting for {found.waits_for}"
    if found.commit is None and found.last_failure:
        yield f"last failure: {found.last_failure}"
