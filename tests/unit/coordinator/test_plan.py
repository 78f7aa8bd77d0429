"""Freezing a run: which samples, which nodes, which licences."""

from __future__ import annotations

import json
import random

import pytest

from services.coordinator.engine import Node, Source
from services.coordinator.graph import build_desired
from services.coordinator.plan import choose
from services.coordinator.run import freeze, run_spec
from synres.domain.choice import BackendChoice
from synres.domain.types import ArtifactRef, Rle, Sample
from synres.errors import InvalidInput, LedgerVersionMismatch
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder
from synres.spec import RunSpec
from synres.spec_yaml import parse_spec
from tests.fakes import MemoryStore
from tests.instant import INSTANT, instant_model
from tests.runs import NODES, SPEC, instant_executor, spec_with

STAGES = ("caption", "generate", "segment", "group", "train", "evaluate")


def sample(name: str) -> Sample:
    return Sample(ArtifactRef(name, 1, "image/png"), Rle((1, 1), "1"), "cat")


def nodes(spec: RunSpec, shards: int = 2) -> dict[str, Node]:
    """The run's nodes by name, over a plan with made-up digests."""
    chains, datasets = spec.method.synthesis, spec.method.datasets
    plan = {f"shards/{name}": tuple(f"{name} {i}" for i in range(shards)) for name in chains}
    plan |= {f"triplets/{name}": (f"triplets of {name}",) for name in datasets}
    models = {(stage, INSTANT): instant_model(stage, 1) for stage in STAGES}
    models["group", BackendChoice("itag")] = instant_model("group", 1)
    return {node.name: node for node in build_desired(spec, models, plan).nodes}


def test_the_choice_of_samples_looks_at_content_alone() -> None:
    """Shuffled or renamed, the same samples are drawn in the same order; another seed draws others."""
    samples = [sample(str(number)) for number in range(50)]
    chosen = choose(samples, 10, seed=1)
    shuffled = random.Random(0).sample(samples, len(samples))
    assert choose(shuffled, 10, seed=1) == chosen
    assert choose(samples, 10, seed=2) != chosen
    assert choose(samples, 5, seed=1) == chosen[:5]


def test_a_training_is_told_of_the_originals_faults() -> None:
    """The spec's one switch reaches every training; without it, params are what they were before."""
    asked = spec_with(("method:", "method:\n  faults: original"))
    told = [json.loads(nodes(spec)["train/real"].params).get("faults") for spec in (asked, spec_with())]
    assert told == ["original", None]


def test_the_same_spec_over_the_same_data_and_models_is_the_same_run() -> None:
    """Execution and name do not count; seed and models do."""
    store = MemoryStore()
    runs = [
        freeze(spec, Ledger(store), instant_executor(store, version=version)).run
        for spec, version in [
            (spec_with(), 1),
            (spec_with(("workers: 2", "workers: 5"), ("name: instant", "name: other")), 1),
            (spec_with(("seed: 7", "seed: 8")), 1),
            (spec_with(), 2),
        ]
    ]
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


def test_the_frozen_run_says_models_licences_and_data() -> None:
    """`spec.json` is enough to know what a run is."""
    store = MemoryStore()
    frozen = freeze(spec_with(), Ledger(store), instant_executor(store))
    written = RunFolder(store, frozen.run).spec()
    assert json.loads(written["spec"])["seed"] == 7
    assert written["models"]["caption/instant"]["licence"] == "Apache-2.0"
    assert set(written["datasets"]) == {"real", "test"}
    assert len(frozen.desired.nodes) == NODES


def test_a_licence_that_is_not_allowed_stops_the_run_before_its_first_task() -> None:
    """The policy fails closed, and names backend and licence."""
    store = MemoryStore()
    spec = spec_with(("patience_s: 30", "policy: {allowed_licences: [MIT]}"))
    with pytest.raises(InvalidInput, match=r"caption/instant has the licence 'Apache-2\.0'.*allows MIT"):
        run_spec(spec, store, instant_executor(store))
    assert not list(store.list("ac/"))


def test_a_run_folder_of_another_version_is_said_not_broken() -> None:
    """The sentence names both versions and the mend; nothing is written over."""
    store = MemoryStore()
    frozen = freeze(spec_with(), Ledger(store), instant_executor(store))
    key = f"runs/{frozen.run}/spec.json"
    older = store.get(key).replace(b'"format":1', b'"format":0')
    store.put(key, older)
    with pytest.raises(LedgerVersionMismatch, match="was written in format 0, this synres reads format 1"):
        run_spec(spec_with(), store, instant_executor(store))
    assert store.get(key) == older


def test_inputs_of_a_training_are_rows_then_starting_weights() -> None:
    """Each part says which inputs are its rows, and of which kind; the start comes last."""
    train = nodes(spec_with())["train/synres"]
    assert train.inputs == (
        "triplets of real",
        Source("group/main/00000"),
        Source("group/main/00001"),
        Source("train/real", "weights"),
    )
    params = json.loads(train.params)
    assert params["weights_input"] == 3
    assert params["parts"] == [
        {"name": "refer_seg", "ratio": 3, "rows": "triplets", "inputs": [0]},
        {"name": "synres", "ratio": 4, "rows": "grouped", "inputs": [1, 2]},
    ]


def test_trained_weights_are_the_second_input_of_segment() -> None:
    """A chain that asks for an arm's weights waits for that training, wherever it stands in the spec."""
    spec = parse_spec(
        SPEC.replace("segment: {backend: instant}", 'segment: {backend: instant, weights: "arm:real"}')
    )
    found = nodes(spec)
    assert found["segment/main/00001"].inputs == (
        Source("generate/main/00001"),
        Source("train/real", "weights"),
    )
    order = list(found)
    assert order.index("train/real") < order.index("segment/main/00000")


@pytest.mark.parametrize(("start", "number"), [("scratch", -1), ("base", -2)])
def test_a_start_without_weights_in_the_ledger_is_a_number(start: str, number: int) -> None:
    """From nothing, or from what the arm's model is before training."""
    found = nodes(parse_spec(SPEC.replace('start: "arm:real"', f"start: {start}")))
    assert json.loads(found["train/synres"].params)["weights_input"] == number


def test_sources_share_the_ratio_of_their_part() -> None:
    """Evenly, whatever their sizes, in whole numbers; a part with one source keeps its name."""
    spec = spec_with(("{refer_seg: real", "{refer_seg: [real, test], sem_seg: real"))
    found = nodes(spec)
    params = [json.loads(node.params) for node in found.values() if node.stage == "train"]
    parts = {part["name"]: part["ratio"] for part in params[-1]["parts"]}
    assert parts["refer_seg/real"] == parts["refer_seg/test"] > 0
    assert set(parts) >= {"sem_seg", "refer_seg/real", "refer_seg/test"}
