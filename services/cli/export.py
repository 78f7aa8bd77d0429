"""`export`: the triplets of a run for other trainers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.console import out, print_json
from services.cli.options import Json, Run, Store, existing_run
from synres.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from synres.domain.types import Triplet
    from synres.ledger.ledger import Ledger


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(export)


def export(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="A new folder: one for each chain is made inside.")],
    store: Store = None,
    json: Json = False,
) -> None:
    """Write each chain as COCO with RefCOCO-like refs, as one Parquet file, and as a contact sheet."""
    from services.cli.results import load_results
    from services.cli.sheet import contact_sheet
    from services.coordinator.plan import spec_of
    from synres.data.export_coco import export_coco
    from synres.data.export_parquet import export_parquet
    from synres.ledger.ledger import Ledger
    from synres.ledger.runs import RunFolder

    there, run = existing_run(store, run)
    ledger = Ledger(there)
    results = load_results(ledger.store, run, spec_of(RunFolder(ledger.store, run)))
    _make(folder)
    written = {}
    for chain, groups in _groups(ledger, run).items():
        triplets = list(_triplets(ledger, groups))
        made = export_coco(triplets, ledger.get_blob, folder / chain / "coco")
        export_parquet(triplets, ledger.get_blob, folder / chain / "triplets.parquet")
        if results.count("segment", chain, "out"):
            sheet = contact_sheet(results, chain, f"run {run}, seed {results.spec.seed}")
            (folder / chain / "contact-sheet.png").write_bytes(sheet)
        written[chain] = {"images": made.images, "masks": made.masks, "expressions": made.expressions}
    if json:
        print_json(written)
        return
    for chain, counts in written.items():
        facts = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        out.print(f"{folder / chain}: {facts}", markup=False, highlight=False, soft_wrap=True)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be made: {error.strerror}; name another folder") from error


def _groups(ledger: Ledger, run: str) -> dict[str, list[str]]:
    """Chain -> digests of its grouped rows, in plan order."""
    from services.coordinator.run import status

    groups: dict[str, list[str]] = {}
    for node, record in sorted(status(ledger.store, run).records.items()):
        stage, chain, *_ = node.split("/")
        if stage == "group":
            groups.setdefault(chain, []).append(record.outputs["rows"])
    if not groups:
        raise NotFound(f"run {run} has no grouped pictures yet: run its spec to the end, then export")
    return groups


def _triplets(ledger: Ledger, groups: list[str]) -> Iterator[Triplet]:
    from synres.domain.itag import triplets
    from synres.domain.types import GroupedImage

    for digest in groups:
        for row in ledger.get_rows(digest, GroupedImage):
            yield from triplets(row)
