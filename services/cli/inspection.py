"""Commands that read a store: `verify`, `gc`, `store doctor`, `quarantine`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import msgspec
import typer

from services.cli.console import out, print_json
from services.cli.options import Json, Run, Store, existing, existing_run, opened

store_app = typer.Typer(help="Questions to the object store.", no_args_is_help=True)
quarantine_app = typer.Typer(help="Items that killed their worker.", no_args_is_help=True)

FAULTS_FOUND = 4


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.command()(verify)
    app.command()(gc)
    app.add_typer(store_app, name="store")
    app.add_typer(quarantine_app, name="quarantine")


def verify(
    run: Run,
    show: Annotated[
        str | None,
        typer.Option(
            metavar="ITEM",
            help="Tell where an item's triplets came from: `item` of an export's Parquet file.",
        ),
    ] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Re-hash and re-link everything a finished run rests on; nothing is computed again."""
    from services.cli.lineage import print_traces

    there, run = existing_run(store, run)
    if show is not None:
        from synres.ledger.trace import trace_item

        print_traces(trace_item(there, run, show), json)
        return
    from synres.ledger.verify import verify_run

    report = verify_run(there, run)
    if json:
        print_json(asdict(report))
    else:
        out.print(
            f"run {report.run}: {report.records} records, {report.blobs} blobs, {report.total_bytes:,} bytes"
        )
        out.print(f"Merkle root {report.merkle_root}")
        for fault in report.faults:
            out.print(fault, markup=False, highlight=False)
        if report.sound:
            out.print("[green]sound[/]: every byte is what it was")
    if not report.sound:
        raise typer.Exit(FAULTS_FOUND)


def gc(
    delete: Annotated[
        bool, typer.Option("--delete", help="Really remove; without it, only say what would go.")
    ] = False,
    store: Store = None,
    json: Json = False,
) -> None:
    """Remove what no run needs and is older than a day. A dry run unless told otherwise."""
    from synres.ledger.gc import collect_garbage

    report = collect_garbage(existing(store), dry_run=not delete)
    if json:
        print_json(asdict(report))
        return
    verb = "would free" if report.dry_run else "freed"
    out.print(f"{verb} {report.freed_bytes:,} bytes in {len(report.removed)} objects; {report.kept} kept")


@store_app.command()
def doctor(store: Store = None, json: Json = False) -> None:
    """Measure what the store really does, and say what that means."""
    from synres.ledger.doctor import diagnose

    report = diagnose(opened(store))
    if json:
        print_json(asdict(report) | {"usable": report.usable})
    else:
        for check in report.checks:
            mark = "[green]ok [/]" if check.passed else "[red]bad[/]"
            out.print(f"{mark} {check.name}: {check.detail}", highlight=False)
        out.print(
            f"[bold]conditional_writes: {report.conditional_writes}[/]: {report.meaning}", highlight=False
        )
    if not report.usable:
        raise typer.Exit(FAULTS_FOUND)


@quarantine_app.command("list")
def quarantine_list(run: Run, store: Store = None, json: Json = False) -> None:
    """Show the quarantined items of a run."""
    from synres.ledger.runs import RunFolder

    folder = RunFolder(*existing_run(store, run))
    folder.spec()
    poison = folder.quarantined()
    if json:
        print_json({action: msgspec.to_builtins(q) for action, q in poison.items()})
        return
    for q in poison.values():
        out.print(
            f"{q.item[:12]} {q.stage} {q.reason}: {q.message}\n  {q.retry}", markup=False, highlight=False
        )
    out.print(f"{len(poison)} in quarantine")


@quarantine_app.command("retry")
def quarantine_retry(
    run: Run,
    item: Annotated[
        str, typer.Argument(help="The item's whole digest, as `quarantine list --json` prints it.")
    ],
    store: Store = None,
) -> None:
    """Let an item be tried afresh when the spec is run next."""
    from services.coordinator.run import release_item

    release_item(*existing_run(store, run), item)
    out.print(f"item {item[:12]} is tried afresh at the next `synres run`")
