"""Triton's python backend around the painter: what the backend `sana` draws, drawn here in dynamic batches.

Runs in the Python of Triton's stub, which must find this package, torch, diffusers and numpy below 2: with
numpy 2 the stub of Triton 2.51 is ready and passes garbage.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from services.generator.painter import Drawn
from services.generator.painter_load import load_painter
from services.generator.painter_options import DrawOptions
from services.generator.triton_wire import (
    IMAGE,
    MODEL,
    OPTIONS,
    PROMPT,
    SEED,
    decode_options,
    encode_error,
    encode_model,
)
from synres.domain.digests import digest_json
from synres.errors import Overloaded, RejectedItem, SynresError
from synres.models.folders import model_info, open_model
from synres.ports import FILTERED

VERSION = 1


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: pictures of the same options."""

    prompts: list[str]
    seeds: list[int]
    options: DrawOptions


class TritonPythonModel:
    """Triton makes one for each instance, and calls it from one thread."""

    def initialize(self, args: dict[str, str]) -> None:
        """Whatever it raises keeps Triton's model unready, and stands in Triton's log."""
        parameters = json.loads(args["model_config"])["parameters"]
        precision = parameters["precision"]["string_value"]
        folder = open_model(parameters["model"]["string_value"])
        on_gpu = args["model_instance_kind"] == "GPU"
        device = f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu"
        self._painter = load_painter(folder.path, precision, device)
        model = model_info("triton", VERSION, folder)
        self._model = encode_model(replace(model, digest=digest_json([model.digest, precision])))

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """One response for each request, drawn together with those of equal options.

        A request that does not ask for IMAGE draws none: MODEL says what would draw.
        """
        answers: dict[int, list[Drawn] | SynresError] = {}
        together: dict[DrawOptions, dict[int, Asked]] = defaultdict(dict)
        for index, request in enumerate(requests):
            try:
                asked = self._read(request)
                together[asked.options][index] = asked
            except SynresError as error:
                answers[index] = error
        for options, group in together.items():
            answers |= self._draw(group, options)
        return [self._response(answers[index]) for index in range(len(requests))]

    def _read(self, request: Any) -> Asked:
        """Raises SynresError for what cannot be drawn: the others of the batch shall not suffer for it."""
        texts = {name: _input(request, name) for name in (PROMPT, OPTIONS)}
        options = decode_options(texts[OPTIONS][0])
        self._painter.check_options(options)
        if IMAGE not in request.requested_output_names():
            return Asked([], [], options)
        prompts = [text.decode() for text in texts[PROMPT]]
        for prompt in prompts:
            self._painter.check_prompt(prompt, options)
        return Asked(prompts, [int(seed) for seed in _input(request, SEED)], options)

    def _draw(self, group: dict[int, Asked], options: DrawOptions) -> dict[int, list[Drawn] | SynresError]:
        prompts = [prompt for asked in group.values() for prompt in asked.prompts]
        seeds = [seed for asked in group.values() for seed in asked.seeds]
        try:
            drawn = iter(self._painter.draw(prompts, seeds, options) if prompts else [])
        except SynresError as error:
            return dict.fromkeys(group, error)
        return {index: [next(drawn) for _ in asked.prompts] for index, asked in group.items()}

    def _response(self, answer: list[Drawn] | SynresError) -> Any:
        if isinstance(answer, SynresError):
            return _refusal(answer)
        for refused in filter(None, (drawn.refusal for drawn in answer)):
            return _refusal(RejectedItem(FILTERED, refused))
        tensors = [pb_utils.Tensor(MODEL, np.array([[self._model]] * max(1, len(answer)), np.object_))]
        if answer:
            tensors.append(pb_utils.Tensor(IMAGE, np.stack([drawn.image for drawn in answer])))
        return pb_utils.InferenceResponse(output_tensors=tensors)


def _input(request: Any, name: str) -> Any:
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy().reshape(-1)


def _refusal(error: SynresError) -> Any:
    codes = pb_utils.TritonError
    code = codes.UNAVAILABLE if isinstance(error, Overloaded) else codes.INVALID_ARG
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(encode_error(error), code))
