"""The optional stage between generate and segment: how well expressions fit what was painted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.cli.outcome import outcome_json, print_results, work_out
from services.cli.results import load_results
from services.coordinator.executors.grpc import GrpcExecutor
from services.coordinator.run import run_spec, status
from synres.domain.types import AlignedImage, GroupedImage, SynthImage
from synres.errors import InternalError
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ledger.runs import list_runs
from synres.ledger.trace import trace_item
from synres.ledger.verify import verify_run
from synres.ports import ArtifactStore, GeneratedImage, GeneratorInput, ShardRequest
from synres.spec import RunSpec
from synres.stages.align import NOT_RENDERED
from tests.instant import InstantGenerator, build_instant
from tests.runs import SPEC, Between, instant_executor, spec_with, undisturbed_root

SEGMENT = "segment: {backend: instant}"
CHAIN_ALONE = (SPEC[SPEC.index("  arms:") : SPEC.index("execution:")], "")


def aligned_spec(align: str, *changes: tuple[str, str]) -> RunSpec:
    return spec_with((SEGMENT, f"align: {align}\n      {SEGMENT}"), CHAIN_ALONE, *changes)


def rows_of(store: ArtifactStore, stage: str, output: str, kind: type) -> list:
    records = status(store, list_runs(store)[0]).records
    digests = [r.outputs[output] for node, r in sorted(records.items()) if node.startswith(f"{stage}/")]
    return [row for digest in digests for row in Ledger(store).get_rows(digest, kind)]


def test_a_spec_without_it_is_what_it_was(tmp_path: Path) -> None:
    """A spec that does not ask for it has no such node, and what is hashed of it no such word."""
    spec = spec_with()
    assert "align" not in json.dumps(json.loads(spec.frozen()))
    assert RunSpec.model_validate({"name": "x", **json.loads(spec.frozen())}).frozen() == spec.frozen()
    store = FileStore(tmp_path)
    run_spec(spec, store, instant_executor(store))
    assert "align" not in status(store, list_runs(store)[0]).planned


def test_scores_alone_change_nothing_downstream(tmp_path: Path) -> None:
    """Without min_alignment the rows go on as they are: only the stage itself is computed anew."""
    store = FileStore(tmp_path)
    run_spec(spec_with(CHAIN_ALONE), store, instant_executor(store))
    counted = Between(instant_executor(store))
    run_spec(aligned_spec("{backend: instant}"), store, counted)
    assert {stage: count for stage, count in counted.computed.items() if count} == {"align": 3}


def test_what_is_not_rendered_is_dropped_with_its_score(tmp_path: Path) -> None:
    """Of the scores 0, 0.2 and 0.4 two reach 0.2: the first expression goes no further, its score stays."""
    store = FileStore(tmp_path)
    commit = run_spec(aligned_spec("{backend: instant, min_alignment: 0.2}"), store, instant_executor(store))
    aligned = rows_of(store, "align", "alignment", AlignedImage)
    assert len(aligned) == 24
    for row in aligned:
        assert [(e.score, e.dropped) for e in row.expressions] == [(0.0, NOT_RENDERED), (0.2, ""), (0.4, "")]
    synths = {row.item: row for row in rows_of(store, "generate", "rows", SynthImage)}
    for grouped in rows_of(store, "group", "rows", GroupedImage):
        made = synths[grouped.synth.item]
        assert [mask.expression for mask in grouped.pseudo_masks] == list(made.expressions[1:])
        assert grouped.synth.prompt == made.prompt
    assert commit.counts["align_not_rendered"] == 24
    assert commit.counts["segment_pseudo_masks"] == 48
    assert verify_run(store, list_runs(store)[0]).sound


class UnseenGenerator(InstantGenerator):
    """Paints every other picture so that nothing in it fits (`InstantAligner`)."""

    def generate(self, request: GeneratorInput, seeds: list[int]) -> list[GeneratedImage]:
        made = super().generate(request, seeds)
        for picture in made[1::2]:
            picture.image[..., 1] ^= 1
        return made


def test_a_picture_without_any_fitting_expression_is_rejected(tmp_path: Path) -> None:
    """The reason is in the record and counts in the summary; the trace of the picture tells the scores."""
    store, spec = FileStore(tmp_path), aligned_spec("{backend: instant, min_alignment: 0.1}")
    run_spec(spec, store, instant_executor(store, generator=UnseenGenerator))
    (run,) = list_runs(store)
    rejected = [r for node, record in status(store, run).records.items() if node.startswith("align")
                for r in record.rejections]  # fmt: skip
    assert len(rejected) == 12
    assert {reason for _, reason in rejected} == {NOT_RENDERED}
    traces = trace_item(store, run, rejected[0][0])
    assert any(trace.ended.startswith("align: not_rendered; ") and "-1.00" in trace.ended for trace in traces)
    chains = outcome_json(work_out(load_results(store, run, spec)))["chains"]
    assert (chains["main"][NOT_RENDERED], chains["main"]["pseudo_masks"]) == (12 * 3 + 12, 24)


def test_status_counts_what_was_not_rendered(tmp_path: Path) -> None:
    """From the store alone, and only where a chain aligns."""
    store = FileStore(tmp_path)
    run_spec(aligned_spec("{backend: instant, min_alignment: 0.2}"), store, instant_executor(store))
    (run,) = list_runs(store)
    told = CliRunner().invoke(app, ["status", run, "--store", str(tmp_path)])
    assert "0 in quarantine, 24 expressions not rendered" in " ".join(told.output.split())


def test_the_summary_has_a_column_where_a_chain_aligns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And none where no chain does."""
    from services.cli.console import out

    told = []
    for name, spec in {"a": spec_with(CHAIN_ALONE), "b": aligned_spec("{backend: instant}")}.items():
        store = FileStore(tmp_path / name)
        run_spec(spec, store, instant_executor(store))
        print_results(out, work_out(load_results(store, list_runs(store)[0], spec)))
        told.append(capsys.readouterr().out)
    assert ["not rendered" in text for text in told] == [False, True]


@contextmanager
def services(store: FileStore) -> Iterator[dict[str, str]]:
    """Addresses of the stage services with instant backends, in this process."""
    with ExitStack() as stack:
        settings = {"listen": "127.0.0.1:0", "store_url": store.url, "grace_s": 5.0}
        names = ("captioner", "generator", "segmenter", "grouper")
        yield {name: stack.enter_context(build_instant(name, **settings)) for name in names}


def test_embedded_and_grpc_give_one_root(tmp_path: Path) -> None:
    """The captioner service runs the stage too: same records, same Merkle root."""
    spec = aligned_spec("{backend: instant, min_alignment: 0.1}")
    store = FileStore(tmp_path / "served")
    with services(store) as addresses:
        executor = GrpcExecutor(Ledger(store), addresses | {"trainer": "127.0.0.1:1"}, timeout_s=30)
        root = run_spec(spec, store, executor).merkle_root
        executor.close()
    assert root == undisturbed_root(tmp_path / "plain", spec)


def test_an_item_that_kills_the_aligner_is_quarantined_alone(tmp_path: Path) -> None:
    """Shards of this stage are split like all others; its three neighbours go on."""
    store, spec = FileStore(tmp_path), aligned_spec("{backend: instant}")
    spec = spec.model_copy(
        update={"execution": spec.execution.model_copy(update={"max_failed_fraction": 0.1})}
    )
    victim: list[bytes] = []

    def kill(request: ShardRequest) -> None:
        rows = Ledger(store).get_blob(request.inputs[0]).splitlines() if request.stage == "align" else []
        victim[:] = victim or rows[:1]
        if victim and victim[0] in rows:
            raise InternalError("it killed the worker")

    commit = run_spec(spec, store, Between(instant_executor(store), kill))
    assert len(commit.quarantined) == 1
    assert (commit.counts["align_in"], commit.counts["align_out"]) == (24, 23)
    assert commit.counts["align_not_rendered"] == 0
