"""What benchmarks/endpoint.py asks for, in Triton's python backend."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from benchmarks.endpoint_model import answer, load_micro


class TritonPythonModel:
    """Triton hands over what waited together."""

    def initialize(self, args: dict[str, str]) -> None:
        self._model = load_micro()

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        files = [pb_utils.get_input_tensor_by_name(one, "IMAGE").as_numpy().flat[0] for one in requests]
        return [self._response(told) for told in answer(self._model, files)]

    def _response(self, told: dict[str, Any]) -> Any:
        masks = np.array([[json.dumps(told).encode()]], object)
        return pb_utils.InferenceResponse([pb_utils.Tensor("MASKS", masks)])
