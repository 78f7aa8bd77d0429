"""The captioner service's other stage: shards of align, and scores by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synres.domain.choice import BackendChoice
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.rpc.captioner.v1 import captioner_pb2
from synres.rpc.client import STAGE_CLIENTS, AlignerClient, CaptionerClient
from synres.stages.align import ALIGN, run_align_shard
from synres.stages.caption import CAPTION
from synres.stages.generate import GENERATE
from synres.stages.params import AlignParams, CaptionParams, GenerateParams
from tests.instant import InstantAligner, instant_model, make_samples, plan_shard
from tests.rpc.conftest import Serve

INSTANT = BackendChoice("instant")
PICTURE = np.zeros((6, 8, 3), np.uint8)


def test_a_shard_behind_grpc_is_the_one_in_process(serve: Serve, ledger: Ledger) -> None:
    """The same code: what the service computed, the stage finds."""
    rows = make_samples(ledger, 2)
    for service, stage, params in (
        ("captioner", CAPTION, CaptionParams(backend="instant", seed=7)),
        ("generator", GENERATE, GenerateParams(backend="instant", seed=7, images_per_prompt=2)),
    ):
        with STAGE_CLIENTS[stage.name](serve(service), timeout_s=20) as client:
            request = plan_shard(stage, instant_model(stage.name, 1), (rows,), params)
            rows = client.run_shard(request).outputs["rows"]
    params = AlignParams(backend="instant", min_alignment=0.3)
    request = plan_shard(ALIGN, instant_model("align", 1), (rows,), params)
    with AlignerClient(serve("captioner"), timeout_s=20) as client:
        remote = client.run_shard(request)
    here = run_align_shard(ledger, InstantAligner(), request)
    assert (remote.cached, here.cached) == (False, True)
    assert (remote.outputs, remote.counts) == (here.outputs, here.counts)


def test_describe_knows_both_stages(serve: Serve) -> None:
    """Each has a model and a version of its own; others are refused."""
    address = serve("captioner")
    with AlignerClient(address, timeout_s=20) as aligner, CaptionerClient(address, timeout_s=20) as captioner:
        assert aligner.describe(INSTANT).model == instant_model("align", 1)
        assert captioner.describe(INSTANT).model == instant_model("caption", 1)
        request = captioner_pb2.DescribeRequest(backend="instant", stage="segment")
        with pytest.raises(InvalidInput, match="caption and align"):
            captioner.call(captioner.stub.Describe, request)


def test_scores_by_hand(serve: Serve) -> None:
    """One for each expression, in order; too many are refused."""
    with AlignerClient(serve("captioner"), timeout_s=20) as client:
        assert client.scores(INSTANT, PICTURE, ["a", "b", "c"]) == [0.0, 0.2, 0.4]
        with pytest.raises(InvalidInput, match="257 expressions"):
            client.scores(INSTANT, PICTURE, ["a"] * 257)
