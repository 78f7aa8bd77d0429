"""Shard calls and single-item calls of the four stage services."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.grouper.backends import load_backend as load_grouper
from synres.domain.choice import BackendChoice, choose
from synres.domain.masks import encode_mask
from synres.domain.types import GroupParams, PseudoMask, SegmentedImage, SynthImage
from synres.errors import ArtifactMissing, InvalidInput, ModelMismatch, NotFound, RejectedItem
from synres.ledger.keys import blob_key
from synres.ledger.ledger import Ledger
from synres.ports import FoundExpressions, GeneratorInput, ObjectView, ShardResult
from synres.rpc.captioner.v1 import captioner_pb2
from synres.rpc.client import STAGE_CLIENTS, CaptionerClient, GeneratorClient, GrouperClient, SegmenterClient
from synres.rpc.codec import request_to_proto
from synres.rpc.group_codec import NO_IMAGE
from synres.stages.caption import CAPTION, run_caption_shard
from synres.stages.generate import GENERATE, run_generate_shard
from synres.stages.group import GROUP, run_group_shard
from synres.stages.params import CaptionParams, GenerateParams, GroupStageParams, SegmentParams
from synres.stages.segment import SEGMENT, run_segment_shard
from synres.stages.shard import StageCode
from tests.instant import (
    INSTANT,
    InstantCaptioner,
    InstantGenerator,
    InstantSegmenter,
    instant_model,
    make_samples,
    plan_shard,
)
from tests.rpc.conftest import Serve

CHAIN = (
    ("captioner", CAPTION, CaptionParams(backend="instant", seed=7)),
    ("generator", GENERATE, GenerateParams(backend="instant", seed=7, images_per_prompt=2)),
    ("segmenter", SEGMENT, SegmentParams(backend="instant")),
    ("grouper", GROUP, GroupStageParams()),
)
VIEW = ObjectView(np.zeros((6, 8, 3), np.uint8), np.ones((6, 8), np.bool_), "cat")


def _run_remote(serve: Serve, rows: str) -> list[ShardResult]:
    results = []
    for service, stage, params in CHAIN:
        with STAGE_CLIENTS[stage.name](serve(service), timeout_s=20) as client:
            described = client.describe(params.choice)
            assert described.stage_version == stage.version
            results.append(client.run_shard(plan_shard(stage, described.model, (rows,), params)))
        rows = results[-1].outputs["rows"]
    return results


def _run_here(ledger: Ledger, rows: str) -> list[ShardResult]:
    captioner, generator, segmenter = InstantCaptioner(), InstantGenerator(), InstantSegmenter()
    grouper = load_grouper(BackendChoice("itag"))
    runs = (
        (captioner.model, lambda request: run_caption_shard(ledger, captioner, request)),
        (generator.model, lambda request: run_generate_shard(ledger, generator, request)),
        (
            segmenter.model,
            lambda request: run_segment_shard(ledger, lambda _: segmenter, segmenter.model, request),
        ),
        (grouper.model, lambda request: run_group_shard(ledger, grouper, request)),
    )
    results = []
    for (_, stage, params), (model, run) in zip(CHAIN, runs, strict=True):
        results.append(run(plan_shard(stage, model, (rows,), params)))
        rows = results[-1].outputs["rows"]
    return results


def test_services_and_stages_in_process_share_their_records(serve: Serve, ledger: Ledger) -> None:
    """The same code behind gRPC and in process: what one computed, the other finds."""
    rows = make_samples(ledger, 3)
    remote = _run_remote(serve, rows)
    here = _run_here(ledger, rows)
    assert [result.cached for result in remote] == [False] * 4
    assert [result.cached for result in here] == [True] * 4
    assert [result.outputs for result in remote] == [result.outputs for result in here]
    assert remote[-1].counts["triplets"] == 3 * 2 * 4


def test_a_repeated_shard_call_is_answered_from_the_record(serve: Serve, ledger: Ledger) -> None:
    """Idempotent by action, so the driver may always ask again."""
    request = plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, 2),), CHAIN[0][2])
    with CaptionerClient(serve("captioner"), timeout_s=20) as client:
        first, second = client.run_shard(request), client.run_shard(request)
    assert (first.cached, second.cached) == (False, True)
    assert first.outputs == second.outputs


def test_a_record_names_the_trace_of_its_call(serve: Serve, ledger: Ledger) -> None:
    """The header that tracing puts on a call is enough to find its record's trace."""
    request = plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, 1),), CHAIN[0][2])
    message = captioner_pb2.RunCaptionShardRequest(shard=request_to_proto(request))
    with CaptionerClient(serve("captioner"), timeout_s=20) as client:
        header = ("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")
        client.stub.RunCaptionShard(message, timeout=20, metadata=[header])
    record = ledger.find_record("caption", request.action)
    assert record is not None
    assert record.meta.trace_id == "a" * 32


def test_another_model_behind_the_name_is_a_mismatch_and_writes_nothing(serve: Serve, ledger: Ledger) -> None:
    """Old and new replicas behind one name never mix (L5)."""
    request = plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, 1),), CHAIN[0][2])
    with (
        CaptionerClient(serve("captioner", version=2), timeout_s=20) as client,
        pytest.raises(ModelMismatch, match="plan the run again"),
    ):
        client.run_shard(request)
    assert ledger.find_record("caption", request.action) is None


def test_bad_items_come_back_as_rejections(serve: Serve, ledger: Ledger) -> None:
    """Bad data is part of the answer, not an error (L7)."""
    request = plan_shard(
        CAPTION, instant_model("caption", 1), (make_samples(ledger, 2, "reject"),), CHAIN[0][2]
    )
    with CaptionerClient(serve("captioner"), timeout_s=20) as client:
        result = client.run_shard(request)
    assert {reason for _, reason in result.rejections} == {"too_few_expressions"}
    assert result.counts == {"in": 2, "out": 0}


def test_trained_weights_are_fetched_from_the_ledger(serve: Serve, ledger: Ledger) -> None:
    """A second input names weights; the action's model stays the backend's own."""
    generated = _run_remote(serve, make_samples(ledger, 1))[1].outputs["rows"]
    weights = ledger.put_blob(b"abc", "application/octet-stream").digest
    params = CHAIN[2][2]
    with SegmenterClient(serve("segmenter"), timeout_s=20) as client:
        model = client.describe(INSTANT).model
        own = client.run_shard(plan_shard(SEGMENT, model, (generated,), params))
        trained = client.run_shard(plan_shard(SEGMENT, model, (generated, weights), params))
        with pytest.raises(ArtifactMissing):
            client.run_shard(plan_shard(SEGMENT, model, (generated, "0" * 64), params))
    assert own.outputs != trained.outputs


def test_what_is_recorded_needs_no_weights(serve: Serve, ledger: Ledger) -> None:
    """A repeated call is answered from the record at once (L5): it loads nothing, present or not."""
    generated = _run_remote(serve, make_samples(ledger, 1))[1].outputs["rows"]
    weights = ledger.put_blob(b"abc", "application/octet-stream").digest
    with SegmenterClient(serve("segmenter"), timeout_s=20) as client:
        request = plan_shard(SEGMENT, client.describe(INSTANT).model, (generated, weights), CHAIN[2][2])
        first = client.run_shard(request)
    ledger.store.delete(blob_key(weights))
    with SegmenterClient(serve("segmenter"), timeout_s=20) as client:
        assert client.run_shard(request) == replace(first, cached=True)


def test_an_unknown_backend_is_named(serve: Serve) -> None:
    """The message says what there is."""
    with (
        CaptionerClient(serve("captioner"), timeout_s=20) as client,
        pytest.raises(NotFound, match="there is instant"),
    ):
        client.describe(BackendChoice("instnat"))


def test_model_and_options_travel_with_every_call(serve: Serve) -> None:
    """A typo is refused where the coordinator plans, and in calls by hand alike."""
    right, wrong = (choose("instant", "own/Model", {name: 0.5}) for name in ("shade", "shad"))
    with CaptionerClient(serve("captioner"), timeout_s=20) as client:
        assert client.describe(right).model == instant_model("caption", 1)
        with pytest.raises(InvalidInput, match="backend instant has no option 'shad'; did you mean 'shade'"):
            client.describe(wrong)
        with pytest.raises(InvalidInput, match="has no option 'shad'"):
            client.caption(wrong, VIEW, 2, seed=1)
        with pytest.raises(InvalidInput, match="has no option 'shad'"):
            client.run_shard(plan_shard(CAPTION, instant_model("caption", 1), ("0" * 64,), _params(wrong)))


def _params(choice: BackendChoice) -> CaptionParams:
    return CaptionParams(backend=choice.backend, options=dict(choice.options), seed=1)


def test_generator_and_segmenter_take_options_too(serve: Serve) -> None:
    """A backend without any refuses them."""
    wrong = choose("instant", "", {"shad": 0.5})
    with (
        GeneratorClient(serve("generator"), timeout_s=20) as generator,
        SegmenterClient(serve("segmenter"), timeout_s=20) as segmenter,
        GrouperClient(serve("grouper"), timeout_s=20) as grouper,
    ):
        with pytest.raises(InvalidInput, match="has no option 'shad'"):
            generator.generate(wrong, GeneratorInput("a", ("a",), VIEW), [1])
        with pytest.raises(InvalidInput, match="has no option 'shad'"):
            segmenter.segment(wrong, VIEW.image, ["a"])
        with pytest.raises(InvalidInput, match="backend itag has no options: leave out 'tau'"):
            grouper.describe(choose("itag", "", {"tau": 1}))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (b"[1]", "options are a JSON list; an object is meant"),
        (b"{", "options are not JSON"),
        (b"\xff", "options are not JSON"),
        (b'{"a":[1]}', "option a is list"),
        (b'{"a":NaN}', "option a is nan: a finite number is meant"),
        (b'{"a":"' + b"x" * 70_000 + b'"}', "options of 70008 bytes; give at most 65536"),
    ],
)
def test_options_that_are_no_object_of_scalars_are_refused(serve: Serve, options: bytes, said: str) -> None:
    """Whoever writes the message by hand gets the sentence too."""
    request = captioner_pb2.DescribeRequest(backend="instant", options=options)
    with CaptionerClient(serve("captioner"), timeout_s=20) as client, pytest.raises(InvalidInput, match=said):
        client.call(client.stub.Describe, request)


def test_params_in_another_form_are_refused(serve: Serve, ledger: Ledger) -> None:
    """Only the bytes that were hashed are params."""
    good = plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, 1),), CHAIN[0][2])
    with CaptionerClient(serve("captioner"), timeout_s=20) as client:
        with pytest.raises(InvalidInput, match="not complete canonical JSON"):
            client.run_shard(replace(good, params=b" " + good.params))
        with pytest.raises(InvalidInput, match="params do not fit CaptionParams: 'utf-8' codec"):
            client.run_shard(replace(good, params=b'{"backend":"\xff"}'))


@pytest.mark.parametrize(("service", "stage", "params"), CHAIN)
def test_a_shard_without_inputs_is_bad_input(
    serve: Serve, service: str, stage: StageCode, params: object
) -> None:
    """The message counts what is there and what is needed."""
    with STAGE_CLIENTS[stage.name](serve(service), timeout_s=20) as client:
        request = plan_shard(stage, client.describe(params.choice).model, (), params)
        with pytest.raises(InvalidInput, match=f"a shard of {stage.name} needs 1 inputs or more, not 0"):
            client.run_shard(request)


def test_a_shard_of_another_stage_is_bad_input(serve: Serve, ledger: Ledger) -> None:
    """A service does not compute under a wrong label."""
    good = plan_shard(CAPTION, instant_model("caption", 1), (make_samples(ledger, 1),), CHAIN[0][2])
    with (
        CaptionerClient(serve("captioner"), timeout_s=20) as client,
        pytest.raises(InvalidInput, match="this is the stage caption: send 'segment'"),
    ):
        client.run_shard(replace(good, stage="segment"))
    assert ledger.find_record("caption", good.action) is None


def test_caption_one_object(serve: Serve) -> None:
    """n expressions for one object in its picture."""
    with CaptionerClient(serve("captioner"), timeout_s=20) as client:
        assert client.caption(INSTANT, VIEW, 2, seed=100) == FoundExpressions(("cat 3 0", "cat 3 1"))


def test_a_rejected_object_keeps_its_reason(serve: Serve) -> None:
    """The single-item call raises what a shard would record."""
    view = ObjectView(VIEW.image, VIEW.mask, "reject")
    with CaptionerClient(serve("captioner"), timeout_s=20) as client, pytest.raises(RejectedItem) as caught:
        client.caption(INSTANT, view, 2, seed=1)
    assert caught.value.reason == "too_few_expressions"


def test_generate_one_prompt(serve: Serve) -> None:
    """One picture for each seed, in order."""
    with GeneratorClient(serve("generator"), timeout_s=20) as client:
        images = client.generate(INSTANT, GeneratorInput("a cat", ("a cat",), VIEW), [5, 2**63 - 1])
    assert [int(image[0, 0, 0]) for image in images] == [5, 255]


def test_a_filtered_picture_is_refused(serve: Serve) -> None:
    """Who asks for one picture gets the filter's sentence, and no picture."""
    request = GeneratorInput("a forbidden cat", ("a cat",), VIEW)
    with GeneratorClient(serve("generator"), timeout_s=20) as client, pytest.raises(RejectedItem) as caught:
        client.generate(INSTANT, request, [5])
    assert (caught.value.reason, caught.value.message) == ("filtered", "the prompt says so")


def test_segment_one_picture(serve: Serve, ledger: Ledger) -> None:
    """One mask of the picture's size for each expression; trained weights by digest."""
    weights = ledger.put_blob(b"abc", "application/octet-stream").digest
    with SegmenterClient(serve("segmenter"), timeout_s=20) as client:
        masks = client.segment(INSTANT, VIEW.image, ["a", "b"])
        trained = client.segment(INSTANT, VIEW.image, ["a"], weights)
    assert [found.mask.sum() for found in masks] == [12, 12]
    assert trained[0].mask.sum() == 24
    assert masks[0].score == 0.5


def test_group_one_picture(serve: Serve) -> None:
    """ITAG by hand: A = 100, B = 120, 80 shared, IoU = 80/140, below tau of 0.65 and above 0.5."""
    first, second = np.zeros((20, 20), np.bool_), np.zeros((20, 20), np.bool_)
    first[:5], second[1:7] = True, True
    pseudo_masks = tuple(
        PseudoMask(name, encode_mask(mask), 1.0) for name, mask in (("a", first), ("b", second))
    )
    segmented = SegmentedImage(SynthImage("i", "s", ("a", "b"), "", NO_IMAGE, (20, 20)), pseudo_masks)
    with GrouperClient(serve("grouper"), timeout_s=20) as client:
        strict = client.group(BackendChoice("itag"), segmented, GroupParams())
        loose = client.group(BackendChoice("itag"), segmented, GroupParams(tau=0.5))
        with pytest.raises(RejectedItem, match="not"):
            client.group(BackendChoice("itag"), _with_odd_mask(segmented), GroupParams())
    assert [drop.reason for drop in strict.dropped] == ["no_consensus"] * 2
    assert strict.agreement.intersections == ((), (80,))
    assert [group.members for group in loose.groups] == [(0, 1)]


def test_one_call_may_not_ask_for_too_much(serve: Serve) -> None:
    """The models are there for the others too."""
    with (
        CaptionerClient(serve("captioner"), timeout_s=20) as client,
        pytest.raises(InvalidInput, match="257 expressions in one call; ask for at most 256"),
    ):
        client.caption(INSTANT, VIEW, 257, seed=1)
    with (
        GeneratorClient(serve("generator"), timeout_s=20) as client,
        pytest.raises(InvalidInput, match="257 seeds"),
    ):
        client.generate(INSTANT, GeneratorInput("a", ("a",), VIEW), range(257))
    with (
        SegmenterClient(serve("segmenter"), timeout_s=20) as client,
        pytest.raises(InvalidInput, match="64 masks of 4410000 pixels"),
    ):
        client.segment(INSTANT, np.zeros((2100, 2100, 3), np.uint8), ["a"] * 64)


def _with_odd_mask(segmented: SegmentedImage) -> SegmentedImage:
    odd = PseudoMask("c", encode_mask(np.ones((3, 3), np.bool_)), 1.0)
    return SegmentedImage(segmented.synth, (*segmented.pseudo_masks, odd))
