"""Models and options in a spec: where they go, what they change, and whose licences bind."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from services.coordinator.graph import backends_of
from services.coordinator.run import freeze, plan_spec, run_spec, status
from synres.domain.choice import BackendChoice, choose
from synres.domain.types import ModelInfo
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ledger.runs import RunFolder
from synres.spec import RunSpec
from synres.spec_yaml import parse_spec
from tests.fakes import MemoryStore
from tests.runs import SPEC, Between, instant_executor, spec_with

LISA, CLIP = "LicenseRef-LLaMA-1", "MIT"
OPTIONS = (
    "segment: {backend: instant}",
    "segment: {backend: instant, model: own/Lisa, options: {shade: 0.5}}",
)


class WithModels(Between):
    """An executor whose segmenter has a model of its own, made of two with a licence each."""

    def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
        found = self.inner.model(stage, choice)
        if stage != "segment":
            return found
        return replace(found, name=choice.model or "own/Lisa", licence=f"{LISA} AND {CLIP}")


def allowing(*licences: str) -> RunSpec:
    policy = f"policy: {{allowed_licences: [{', '.join(licences)}]}}"
    return spec_with(("patience_s: 30", f"patience_s: 30, {policy}"))


def test_a_choice_reaches_the_params_of_its_stage_alone() -> None:
    """Model and options are part of the action; stages that have none do not mention them."""
    store = MemoryStore()
    frozen = freeze(spec_with(OPTIONS), Ledger(store), instant_executor(store))
    params = {node.stage: json.loads(node.params) for node in frozen.desired.nodes}
    assert (params["segment"]["model"], params["segment"]["options"]) == ("own/Lisa", {"shade": 0.5})
    assert not {"model", "options"} & (params["caption"].keys() | params["train"].keys())
    written = RunFolder(store, frozen.run).spec()
    assert "segment/instant own/Lisa shade=0.5" in written["models"]
    assert status(store, frozen.run).planned["segment"] == 3


def test_another_option_is_another_result_from_there_on() -> None:
    """What came before the stage is not computed again."""
    store = MemoryStore()
    run_spec(spec_with(), store, instant_executor(store))
    asked = Between(instant_executor(store))
    run_spec(spec_with(OPTIONS), store, asked)
    assert asked.computed["caption"] == asked.computed["generate"] == 0
    assert asked.computed["segment"] == 3


def test_a_spec_without_models_and_options_keeps_its_digest() -> None:
    """Runs from before there were any are still found; empty ones say nothing."""
    plain = parse_spec(SPEC)
    assert b"options" not in plain.frozen()
    empty = spec_with(("segment: {backend: instant}", "segment: {backend: instant, model: '', options: {}}"))
    assert empty.digest() == plain.digest()
    assert spec_with(OPTIONS).digest() != plain.digest()


@pytest.mark.parametrize("other", ["steps: 2.0", 'steps: "2"', "steps: true"])
def test_values_keep_their_type(other: str) -> None:
    """2, 2.0, "2" and true are not the same option."""
    texts = [
        SPEC.replace("generate: {", f"generate: {{options: {{{given}}}, ") for given in ("steps: 2", other)
    ]
    one, two = (parse_spec(text) for text in texts)
    assert one.digest() != two.digest()
    labels = [
        choice.label
        for spec in (one, two)
        for stage, choice in backends_of(spec.method)
        if stage == "generate"
    ]
    assert labels[0] != labels[1]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("options: {shad: 1}", "backend instant has no option 'shad'; did you mean 'shade'?"),
        ("options: {shade: dark}", "an option of backend instant: "),
    ],
)
def test_a_wrong_option_is_refused_before_any_compute(given: str, said: str) -> None:
    """Not even a dataset is read."""
    store = MemoryStore()
    spec = spec_with(("caption: {backend: instant, ", f"caption: {{backend: instant, {given}, "))
    with pytest.raises(InvalidInput) as caught:
        run_spec(spec, store, instant_executor(store))
    assert said in caught.value.message
    assert not store.objects


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ("model: 'a/b/c'", "caption.model"),
        ("options: {Steps: 1}", "caption.options"),
        ("options: {steps: [1]}", "caption.options.steps"),
        ("options: {steps: .nan}", "caption.options.steps"),
        ("options: [1]", "caption.options"),
    ],
)
def test_a_choice_of_bad_form_is_told_with_line_and_field(given: str, field: str) -> None:
    """The spec says so before a service is asked."""
    text = SPEC.replace("caption: {", f"caption: {{{given}, ")
    with pytest.raises(InvalidInput, match=rf"spec:13: method\.synthesis\.main\.{field}"):
        parse_spec(text, "spec")


def test_every_licence_behind_a_backend_must_be_allowed() -> None:
    """LISA's own is not enough where its CLIP has another; the sentence names backend, model and licence."""
    store = MemoryStore()
    said = (
        r"segment/instant own/Lisa has the licence 'MIT', and the spec allows Apache-2\.0, LicenseRef-LLaMA-1"
    )
    asked = WithModels(instant_executor(store))
    with pytest.raises(InvalidInput, match=said):
        run_spec(allowing("Apache-2.0", LISA), store, asked)
    assert not store.objects
    assert not asked.calls
    run_spec(allowing("Apache-2.0", LISA, CLIP), store, asked)


def test_two_models_behind_one_backend_bind_both() -> None:
    """A chain with an allowed model does not cover another with a forbidden one."""
    store = MemoryStore()
    spec = allowing("Apache-2.0")
    chain = spec.method.synthesis["main"]
    other = chain.model_copy(update={"segment": chain.segment.model_copy(update={"model": "own/Other"})})
    method = spec.method.model_copy(update={"synthesis": {"main": chain, "more": other}})

    class OneForbidden(Between):
        def model(self, stage: str, choice: BackendChoice) -> ModelInfo:
            found = self.inner.model(stage, choice)
            return replace(found, name=choice.model, licence="no") if choice.model else found

    with pytest.raises(InvalidInput, match="segment/instant own/Other has the licence 'no'"):
        run_spec(spec.model_copy(update={"method": method}), store, OneForbidden(instant_executor(store)))


def test_plan_and_commit_name_models_and_licences() -> None:
    """What a company must know stands in both, for each stage."""
    store = MemoryStore()
    executor = WithModels(instant_executor(store))
    planned = plan_spec(spec_with(), store, executor).licences
    commit = run_spec(spec_with(), store, executor)
    assert planned == commit.licences
    assert commit.licences["segment/instant own/Lisa"] == f"{LISA} AND {CLIP}"
    assert commit.licences["caption/instant"] == "Apache-2.0"


def test_choices_of_a_method_are_listed_once_each() -> None:
    """Arms train and evaluate with the same choice."""
    spec = spec_with(OPTIONS)
    assert ("segment", choose("instant", "own/Lisa", {"shade": 0.5})) in backends_of(spec.method)
    assert len(backends_of(spec.method)) == 6
