"""`demo` and `study`: the whole method on the micro world, once, or once for each of several seeds."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.console import err, out, print_json
from services.cli.options import Json, Store, loaded_spec, opened

if TYPE_CHECKING:
    from services.cli.outcome import Outcome
    from services.cli.results import Results
    from synres.spec import RunSpec

# the checkout's folder by a link, and a folder of its own in a wheel
CONFIGS = Path(str(resources.files("services.cli") / "configs"))
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for contact sheets and report.")]
OUTPUT = Path("synres-results")


def register(app: typer.Typer) -> None:
    """Adds the commands to `app`."""
    app.command()(demo)
    app.command()(study)


def demo(
    spec: Annotated[Path, typer.Option(help="The run spec.", show_default="configs/micro.yaml")] = CONFIGS
    / "micro.yaml",
    output: Output = OUTPUT,
    store: Store = None,
    json: Json = False,
) -> None:
    """The whole method on a laptop, offline: caption, generate, segment, group, train, evaluate, compare."""
    from services.cli.outcome import counted, outcome_json, print_results, work_out
    from services.cli.results import load_results
    from services.cli.running import execute

    loaded, target = loaded_spec(spec), opened(store)
    progress = execute(loaded, target)
    outcome = work_out(load_results(target, progress.run, loaded))
    written = _write(output / progress.run, _files(outcome))
    if json:
        print_json(outcome_json(outcome) | {"computed": progress.computed, "planned": progress.planned,
                                            "files": [str(path) for path in written]})  # fmt: skip
        return
    print_results(out, outcome)
    out.print(f"\nrun [bold]{progress.run}[/]: {counted(progress)}", highlight=False)
    for path in written:
        out.print(f"  {path}", markup=False, highlight=False, soft_wrap=True)
    everything = f"  {target.url} holds every artifact; `synres verify {progress.run}` re-hashes them"
    out.print(everything, markup=False, highlight=False, soft_wrap=True)


def study(
    spec: Annotated[
        Path, typer.Option(help="The run spec; its seeds are replaced.", show_default="configs/study.yaml")
    ] = CONFIGS / "study.yaml",
    seeds: Annotated[list[int], typer.Option("--seed", help="Once for each seed.")] = [1, 2, 3],  # noqa: B006
    output: Output = OUTPUT,
    store: Store = None,
    json: Json = False,
) -> None:
    """The whole method for several seeds: data, base, synthesis, trainings. Killed, it goes on from there."""
    from services.cli.report import comparison_json, print_comparison
    from services.cli.results import compare_runs, load_results
    from services.cli.running import execute

    loaded, target = loaded_spec(spec), opened(store)
    found: dict[int, Results] = {}
    for number, seed in enumerate(seeds, 1):
        err.print(f"seed {seed} ({number} of {len(seeds)})", style="bold")
        seeded = with_seed(loaded, seed)
        found[seed] = load_results(target, execute(seeded, target).run, seeded)
    comparison = compare_runs(found)
    document = {
        "runs": {str(seed): results.run for seed, results in found.items()},
        "comparison": comparison_json(comparison) if comparison else None,
    }
    (written,) = _write(output, {"study.json": _json_bytes(document)})
    if json:
        print_json(document | {"files": [str(written)]})
        return
    if comparison:
        print_comparison(out, comparison)
    runs = ", ".join(f"{results.run} (seed {seed})" for seed, results in found.items())
    out.print(f"runs: {runs}\n  {written}", markup=False, highlight=False, soft_wrap=True)


def with_seed(spec: RunSpec, seed: int) -> RunSpec:
    """The spec with this seed, for itself and for the pictures it trains on; benchmarks stay as they are."""
    from synres.spec import MicroWorld

    datasets = {
        name: dataset.model_copy(update={"seed": seed})
        if isinstance(dataset, MicroWorld) and dataset.split == "train"
        else dataset
        for name, dataset in spec.method.datasets.items()
    }
    method = spec.method.model_copy(update={"datasets": datasets})
    return spec.model_copy(update={"seed": seed, "method": method})


def _files(outcome: Outcome) -> dict[str, bytes]:
    """A contact sheet for each chain, and the report."""
    from services.cli.outcome import outcome_json
    from services.cli.sheet import contact_sheet

    results = outcome.results
    subtitle = f"run {results.run}, seed {results.spec.seed}"
    sheets = {f"{name}.png": contact_sheet(results, name, subtitle) for name in results.spec.method.synthesis}
    return sheets | {"report.json": _json_bytes(outcome_json(outcome))}


def _json_bytes(document: object) -> bytes:
    import json

    return json.dumps(document, indent=2, ensure_ascii=False).encode()


def _write(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Raises InvalidInput for a folder that cannot be written."""
    from synres.errors import InvalidInput

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}; give another --output") from error
    return [folder / name for name in files]
