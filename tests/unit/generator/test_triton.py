"""Backend `triton` beside a Triton of thirty lines: each of its answers has a class of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.generator.backends import load_backend
from services.generator.backends.triton import TritonGenerator
from services.generator.painter_options import DrawOptions, TritonOptions
from services.generator.settings import TritonSettings
from services.generator.triton_places import Places
from services.generator.triton_wire import (
    decode_error,
    decode_options,
    encode_error,
    encode_model,
    encode_options,
)
from synres.domain.choice import BackendChoice
from synres.domain.types import ModelInfo
from synres.errors import (
    BackendUnavailable,
    DeadlineExceeded,
    InternalError,
    InvalidInput,
    ModelMismatch,
    Overloaded,
    RejectedItem,
    ServiceUnavailable,
    SynresError,
)
from synres.ports import GeneratorInput
from synres.stages.generate import NO_VIEW

MODEL = ModelInfo("tiny/sana", "a" * 64, "MIT", bitwise=False)
CUP = GeneratorInput("the red cup", ("the red cup",), NO_VIEW)


class FakeTriton(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Draws the seed's lowest byte; `error` (code, text) instead, if it is set."""

    def __init__(self) -> None:
        self.model, self.is_ready = MODEL, True
        self.error: tuple[grpc.StatusCode, str] | None = None
        self.at_work = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    def ModelReady(
        self, request: service_pb2.ModelReadyRequest, context: grpc.ServicerContext
    ) -> service_pb2.ModelReadyResponse:
        return service_pb2.ModelReadyResponse(ready=self.is_ready)

    def ModelInfer(
        self, request: service_pb2.ModelInferRequest, context: grpc.ServicerContext
    ) -> service_pb2.ModelInferResponse:
        wanted = {output.name for output in request.outputs}
        if "IMAGE" in wanted:
            self.at_work.set()
            self.go_on.wait(10)
            if self.error is not None:
                context.abort(*self.error)
        answer = service_pb2.ModelInferResponse(model_name=request.model_name)
        text = encode_model(self.model)
        _add(answer, "MODEL", "BYTES", (1, 1), len(text).to_bytes(4, "little") + text)
        if "IMAGE" in wanted:
            seed = request.raw_input_contents[1][:1]
            _add(answer, "IMAGE", "UINT8", (1, 2, 2, 3), seed * 12)
        return answer


def _add(
    answer: service_pb2.ModelInferResponse, name: str, kind: str, shape: tuple[int, ...], data: bytes
) -> None:
    answer.outputs.add(name=name, datatype=kind, shape=shape)
    answer.raw_output_contents.append(data)


@pytest.fixture
def fake() -> FakeTriton:
    return FakeTriton()


@pytest.fixture
def connect(fake: FakeTriton) -> Iterator[Callable[..., TritonGenerator]]:
    """Makes generators in front of the fake; takes settings by their names."""
    server = grpc.server(ThreadPoolExecutor(16))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(fake, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()

    def make(**settings: float) -> TritonGenerator:
        chosen = TritonSettings(triton_address=address, triton_return_s=0).model_copy(update=settings)
        return TritonGenerator("sana", TritonOptions(), chosen)

    yield make
    fake.go_on.set()
    server.stop(0).wait()


def test_each_seed_gets_its_picture(connect: Callable[..., TritonGenerator]) -> None:
    """In the order of the seeds, whoever answers first; no seeds, no call."""
    generator = connect()
    assert [picture.image[0, 0, 0] for picture in generator.generate(CUP, range(40))] == list(range(40))
    assert generator.generate(CUP, []) == []
    assert generator.model == MODEL


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Exceeds maximum queue size", Overloaded),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", ServiceUnavailable),
        (grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'sana'", ServiceUnavailable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", DeadlineExceeded),
        (grpc.StatusCode.INTERNAL, "Failed to process the request(s)", InternalError),
        (grpc.StatusCode.INVALID_ARGUMENT, encode_error(RejectedItem("prompt_too_long", "x")), RejectedItem),
        (grpc.StatusCode.UNAVAILABLE, encode_error(Overloaded("no room on the GPU")), Overloaded),
    ],
)
def test_what_triton_answers_has_a_class_of_ours(
    fake: FakeTriton,
    connect: Callable[..., TritonGenerator],
    code: grpc.StatusCode,
    text: str,
    expected: type[SynresError],
) -> None:
    """The driver decides by class whether to wait, to try again, or to reject the item."""
    generator, fake.error = connect(), (code, text)
    with pytest.raises(expected) as caught:
        generator.generate(CUP, [1])
    assert type(caught.value) is expected


def test_what_the_pipeline_itself_filters_is_a_refusal(
    fake: FakeTriton, connect: Callable[..., TritonGenerator]
) -> None:
    """It comes as an error, and the pictures of the other seeds go on."""
    fake.error = (
        grpc.StatusCode.INVALID_ARGUMENT,
        encode_error(RejectedItem("filtered", "took it for unsafe")),
    )
    assert [picture.refusal for picture in connect().generate(CUP, [1, 2])] == ["took it for unsafe"] * 2


def test_another_model_behind_the_name_is_a_mismatch(
    fake: FakeTriton, connect: Callable[..., TritonGenerator]
) -> None:
    """Triton came back with other weights: no picture of theirs under the planned action."""
    generator, fake.model = connect(), replace(MODEL, digest="b" * 64)
    with pytest.raises(ModelMismatch, match="start the generator again"):
        generator.generate(CUP, [1])


def test_a_triton_that_comes_back_is_waited_for(
    fake: FakeTriton, connect: Callable[..., TritonGenerator]
) -> None:
    """For `triton_return_s`; one that was never there is refused at once."""
    generator = connect(triton_return_s=20)
    fake.is_ready = False
    with pytest.raises(ServiceUnavailable, match="no model 'sana' ready"):
        connect(triton_return_s=20)
    threading.Timer(0.5, lambda: setattr(fake, "is_ready", True)).start()
    assert len(generator.generate(CUP, [1])) == 1


def test_a_call_that_finds_no_place_is_refused(
    fake: FakeTriton, connect: Callable[..., TritonGenerator]
) -> None:
    """While another holds them all; who finds a few goes on with those."""
    generator = connect(triton_max_in_flight=2)
    fake.go_on.clear()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(generator.generate, CUP, [1, 2, 3])
        fake.at_work.wait(10)
        with pytest.raises(Overloaded, match="Triton has 2 pictures to draw") as caught:
            generator.generate(CUP, [4])
        fake.go_on.set()
        assert len(first.result(10)) == 3
    assert caught.value.retry_after_s > 0


def test_places_come_back_when_a_caller_fails() -> None:
    """Else every failure would make Triton smaller."""
    places = Places(2)
    with pytest.raises(RuntimeError), places.take(5) as taken:
        assert taken == 2
        raise RuntimeError
    with places.take(1) as taken:
        assert taken == 1


def test_the_wire_keeps_what_it_carries() -> None:
    """Options, and errors within whatever Triton writes around them; what is not ours is not decoded."""
    options = DrawOptions(steps=2, guidance=1.5, negative_prompt='a "b"')
    assert decode_options(encode_options(options)) == options
    with pytest.raises(InvalidInput, match="no DrawOptions"):
        decode_options(b'{"stepz":2}')
    error = decode_error(
        f"in 'sana_0': {encode_error(RejectedItem('prompt_too_long', 'a sentence'))} (batch 3)"
    )
    assert isinstance(error, RejectedItem)
    assert (error.reason, error.message) == ("prompt_too_long", "a sentence")
    assert isinstance(decode_error(encode_error(InvalidInput("x"))), InvalidInput)
    assert decode_error("Exceeds maximum queue size") is None


def test_without_an_address_the_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is tried."""
    monkeypatch.delenv("SYNRES_TRITON_ADDRESS", raising=False)
    with pytest.raises(BackendUnavailable, match="SYNRES_TRITON_ADDRESS"):
        load_backend(BackendChoice("triton"))


def test_the_shipped_configuration_names_the_tensors_of_the_wire() -> None:
    """config.pbtxt is written by hand: inputs, outputs and both parameters are those that the code reads."""
    text = (Path(__file__).parents[3] / "services/generator/triton/sana/config.pbtxt").read_text()
    for name in ("PROMPT", "SEED", "OPTIONS", "IMAGE", "MODEL"):
        assert f'name: "{name}"' in text
    for key in ("model", "precision"):
        assert f'key: "{key}"' in text
