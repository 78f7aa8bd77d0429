"""`export`: the triplets of a run for other trainers, with card, metadata and provenance."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.console import out, print_json
from services.cli.options import Json, Run, Store, existing_run
from synres.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from services.cli.results import Results
    from synres.data.export import Exported, Load
    from synres.data.signing import PictureSigner
    from synres.domain.types import Triplet


class Format(StrEnum):
    """A folder of that name is written, or for Parquet a file."""

    COCO = "coco"
    PARQUET = "parquet"
    WEBDATASET = "webdataset"
    REFCOCO = "refcoco"
    REASONSEG = "reasonseg"
    LISA = "lisa"


DEFAULT = [Format.COCO, Format.PARQUET]


def register(app: typer.Typer) -> None:
    """Adds the command to `app`."""
    app.command()(export)


def export(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="A new folder: one for each chain is made inside.")],
    formats: Annotated[
        list[Format], typer.Option("--format", help="May be given again. Default: coco and parquet.")
    ] = DEFAULT,
    sign_cert: Annotated[
        Path | None, typer.Option(help="PEM of a certificate and its chain: pictures get a C2PA manifest.")
    ] = None,
    sign_key: Annotated[Path | None, typer.Option(help="PEM of its private key (P-256).")] = None,
    store: Store = None,
    json: Json = False,
) -> None:
    """Write each chain for other trainers, with a dataset card, Croissant metadata and a contact sheet."""
    from services.cli.results import load_results
    from services.coordinator.plan import spec_of
    from synres.ledger.runs import RunFolder

    there, run = existing_run(store, run)
    results = load_results(there, run, spec_of(RunFolder(there, run)))
    chains = [name for name in results.spec.method.synthesis if results.outputs("group", name)]
    if not chains:
        raise NotFound(f"run {run} has no grouped pictures yet: run its spec to the end, then export")
    signer = _signer(sign_cert, sign_key)
    _make(folder)
    written = {}
    for chain in chains:
        with _whole(folder / chain) as unfinished:
            written[chain] = _export_chain(results, chain, unfinished, formats, signer)
    if json:
        print_json(written)
        return
    for chain, counts in written.items():
        facts = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        out.print(f"{folder / chain}: {facts}", markup=False, highlight=False, soft_wrap=True)


def _signer(certificate: Path | None, key: Path | None) -> PictureSigner | None:
    from synres.data.signing import PictureSigner

    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise InvalidInput("signing needs both: --sign-cert FILE and --sign-key FILE")
    return PictureSigner(certificate, key)


def _export_chain(
    results: Results, chain: str, folder: Path, formats: Sequence[Format], signer: PictureSigner | None
) -> dict[str, int]:
    from services.cli import export_facts
    from services.cli.sheet import contact_sheet
    from synres.data.dataset_card import croissant, dataset_card
    from synres.ledger.rows import encode_rows

    rows = export_facts.grouped_rows(results, chain)
    triplets = export_facts.kept_triplets(rows)
    # ReasonSeg's pictures are JPEGs, since LISA looks for .jpg
    loads = {
        name: export_facts.marking(results, chain, rows, signer, name is Format.REASONSEG) for name in formats
    }
    made = [_write(name, triplets, load, folder) for name, load in loads.items()]
    # what is written is the same in every format
    counts = {"images": made[0].images, "masks": made[0].masks, "expressions": made[0].expressions}
    dropped = export_facts.dropped_items(results, chain, rows)
    (folder / "dropped.jsonl").write_bytes(encode_rows(dropped))
    facts = export_facts.card_facts(results, chain, rows, dropped, counts)
    (folder / "README.md").write_text(dataset_card(facts, Format.PARQUET in formats), encoding="utf-8")
    (folder / "croissant.json").write_text(croissant(facts, folder), encoding="utf-8")
    if rows:
        sheet = contact_sheet(results, chain, f"run {results.run}, seed {results.spec.seed}")
        (folder / "contact-sheet.png").write_bytes(sheet)
    return counts


def _write(name: Format, triplets: Sequence[Triplet], load: Load, folder: Path) -> Exported:
    from synres.data.dataset_card import PARQUET

    if name is Format.PARQUET:
        from synres.data.export_parquet import export_parquet

        return export_parquet(triplets, load, folder / PARQUET)
    if name is Format.WEBDATASET:
        from synres.data.export_webdataset import export_webdataset

        return export_webdataset(triplets, load, folder / name)
    if name is Format.REASONSEG:
        from synres.data.export_reasonseg import export_reasonseg

        return export_reasonseg(triplets, load, folder / name)
    if name is Format.COCO:
        from synres.data.export_coco import export_coco

        return export_coco(triplets, load, folder / name)
    from synres.data.export_refcoco import export_refcoco

    # LISA's training looks for the toolbox's folder below its data folder
    return export_refcoco(
        triplets, load, folder / name / "refer_seg" if name is Format.LISA else folder / name
    )


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder that gets its name when it is whole; what a killed export left goes. Raises InvalidInput."""
    from synres.data.export import new_folder

    new_folder(folder)
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    yield unfinished
    unfinished.rename(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be made: {error.strerror}; name another folder") from error
