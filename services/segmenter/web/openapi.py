"""The published description of the HTTP face, with the limits of this service in it."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from services.segmenter.answers import Limits
from services.segmenter.tensors import OUTPUTS

_TEMPLATE = Path(__file__).with_name("openapi.json")


def describe_api(limits: Limits, model: str) -> dict[str, Any]:
    """OpenAPI 3.1; `model` is what /v2 calls the one that is served."""
    described: dict[str, Any] = json.loads(_TEMPLATE.read_text())
    described["info"]["version"] = version("synres")
    schemas = described["components"]["schemas"]
    expressions = schemas["SegmentForm"]["properties"]["expressions"]
    expressions["maxItems"] = limits.max_expressions
    expressions["items"]["maxLength"] = limits.max_expression_chars
    schemas["Picture"]["maxLength"] = limits.max_image_bytes
    asked = schemas["InferRequest"]["properties"]["outputs"]["items"]
    asked["properties"]["name"]["enum"] = [spec.name for spec in OUTPUTS]
    described["components"]["parameters"]["Model"]["schema"]["enum"] = [model]
    return described
