"""Triton over gRPC: is the model ready, which one is it, one picture; Triton's errors as our own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from services.generator.painter_options import DrawOptions
from services.generator.settings import TritonSettings
from services.generator.triton_wire import (
    IMAGE,
    MODEL,
    OPTIONS,
    PROMPT,
    SEED,
    decode_error,
    decode_model,
    encode_options,
)
from synres.domain.types import ModelInfo
from synres.errors import DeadlineExceeded, InternalError, Overloaded, ServiceUnavailable, SynresError
from synres.ports import Image

_CHANNEL = (
    # a picture of 4096 x 4096 pixels has 48 MiB
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # a Triton that is started again is found within a second, not after two minutes
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)
_ANSWER_S = 10.0
_POLL_S = 0.2


class TritonClient:
    """`model_name` is Triton's name for the model. Threads may share it."""

    def __init__(self, model_name: str, settings: TritonSettings) -> None:
        self._model_name, self._settings = model_name, settings
        self._client = InferenceServerClient(settings.triton_address, channel_args=list(_CHANNEL))

    def is_ready(self) -> bool:
        """True if Triton answers, and has loaded the model."""
        try:
            return bool(self._client.is_model_ready(self._model_name, client_timeout=_ANSWER_S))
        except InferenceServerException:
            return False

    def require_ready(self, wait_s: float) -> None:
        """Waits that long for the model to be ready; raises ServiceUnavailable."""
        until_s = time.monotonic() + wait_s
        while not self.is_ready():
            if time.monotonic() >= until_s:
                raise ServiceUnavailable(
                    f"Triton at {self._settings.triton_address} has no model {self._model_name!r} ready:"
                    " its log says why, or it does not listen there"
                )
            time.sleep(_POLL_S)

    def model(self, options: DrawOptions) -> ModelInfo:
        """What would draw; raises InvalidInput for options that it does not take."""
        return self._infer("", 0, options, (MODEL,), _ANSWER_S)[1]

    def draw(self, prompt: str, seed: int, options: DrawOptions) -> tuple[Image, ModelInfo]:
        """A picture, and what drew it. Raises RejectedItem, InvalidInput, Overloaded, ServiceUnavailable."""
        image, model = self._infer(prompt, seed, options, (IMAGE, MODEL), self._settings.triton_timeout_s)
        return image[0], model

    def _infer(
        self, prompt: str, seed: int, options: DrawOptions, outputs: tuple[str, ...], timeout_s: float
    ) -> tuple[Any, ModelInfo]:
        inputs = [
            _tensor(PROMPT, "BYTES", np.array([[prompt.encode()]], np.object_)),
            _tensor(SEED, "INT64", np.array([[seed]], np.int64)),
            _tensor(OPTIONS, "BYTES", np.array([[encode_options(options)]], np.object_)),
        ]
        wanted = [InferRequestedOutput(name) for name in outputs]
        with self._errors():
            answer = self._client.infer(self._model_name, inputs, outputs=wanted, client_timeout=timeout_s)
        return answer.as_numpy(IMAGE), decode_model(answer.as_numpy(MODEL).reshape(-1)[0])

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except InferenceServerException as error:
            raise self._error_of(error) from error

    def _error_of(self, error: InferenceServerException) -> SynresError:
        text = f"Triton at {self._settings.triton_address}: {error.message()}"
        status = str(error.status()).removeprefix("StatusCode.")
        if status == "UNAVAILABLE" and "maximum queue size" in text:
            # others fill its queue: when there is room, it does not say
            return Overloaded(text, retry_after_s=1.0)
        own = decode_error(text)
        if own is not None:
            return own
        if status in ("UNAVAILABLE", "CANCELLED", "NOT_FOUND"):
            return ServiceUnavailable(text)
        return DeadlineExceeded(text) if status == "DEADLINE_EXCEEDED" else InternalError(text)


def _tensor(name: str, kind: str, values: np.ndarray[Any, Any]) -> InferInput:
    tensor = InferInput(name, list(values.shape), kind)
    tensor.set_data_from_numpy(values)
    return tensor
