"""The published description is true: every answer, to what fits it and to much that does not, is in it."""

from __future__ import annotations

import base64

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.segmenter.answers import Limits
from services.segmenter.web.openapi import describe_api
from services.segmenter.web.shapes import FORMATS
from tests.http.conftest import Reach
from tests.pictures import EXPRESSIONS, bomb, scene

PNG = scene().png
PICTURES = st.sampled_from([PNG, PNG[:500], bomb(9_000, 9_000), b""]) | st.binary(max_size=200)
schemathesis.openapi.media_type("image/png", PICTURES)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


LIMITS = Limits(8 * 2**20, 2**24, 64, 300, 16)
schema = schemathesis.openapi.from_dict(describe_api(LIMITS, "micro"))
schema.config.generation.update(modes=list(GenerationMode))


@schema.parametrize()
@settings(max_examples=20, suppress_health_check=list(HealthCheck))
def test_every_answer_is_described(case: schemathesis.Case, client: httpx2.Client) -> None:
    """Status, headers, media type and fields; no 500, and none that takes for ever."""
    _checked(case, client)


@pytest.mark.parametrize("shape", FORMATS)
def test_masks_are_described(client: httpx2.Client, shape: str) -> None:
    """Each form that a mask may take."""
    body = {"image": PNG, "expressions": list(EXPRESSIONS), "format": shape}
    case = schema["/v1/segment"]["POST"].Case(body=body, media_type="multipart/form-data")
    assert _checked(case, client) == 200


@pytest.mark.parametrize("outputs", [[], [{"name": "scores"}, {"name": "rle"}]])
def test_tensors_are_described(client: httpx2.Client, outputs: list[dict[str, str]]) -> None:
    """All in JSON, as a client without the binary extension reads them."""
    inputs = [
        {"name": "image", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(PNG).decode()]},
        {"name": "expressions", "datatype": "BYTES", "shape": [3], "data": list(EXPRESSIONS)},
    ]
    case = schema["/v2/models/{model}/infer"]["POST"].Case(
        path_parameters={"model": "micro"},
        body={"inputs": inputs, "outputs": outputs},
        media_type="application/json",
    )
    assert _checked(case, client) == 200


def _checked(case: schemathesis.Case, client: httpx2.Client) -> int:
    response = case.call(base_url=str(client.base_url), timeout=60)
    case.validate_response(response, checks=CHECKS)
    return response.status_code


def test_this_description_is_the_published_one(client: httpx2.Client) -> None:
    """With the default limits."""
    assert client.get("/openapi.json").json() == describe_api(LIMITS, "micro")


def test_limits_stand_in_the_description(reach: Reach) -> None:
    """Those of this service."""
    with reach(segmenter_max_expressions=3, segmenter_max_expression_chars=50) as client:
        told = client.get("/openapi.json").json()
    expressions = told["components"]["schemas"]["SegmentForm"]["properties"]["expressions"]
    assert (expressions["maxItems"], expressions["items"]["maxLength"]) == (3, 50)
