"""The Python client of the online endpoint.

    from synres.rpc.endpoint import Endpoint

    with Endpoint("127.0.0.1:50053", key="synres_...") as endpoint:
        answer = endpoint.segment(Path("picture.jpg"), ["the man in red", "the dog"])
        for found in answer.masks:
            print(found.expression, found.score, found.box, found.mask.sum())

Every error is a class of `synres.errors`. The ones to handle: Overloaded (full: come back in its
`retry_after_s` seconds), ServiceUnavailable (down or draining: try again), InvalidInput and RejectedItem
(what was sent is wrong, and its message says what), Unauthenticated, DeadlineExceeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synres.data.images import encode_png
from synres.domain.choice import BackendChoice
from synres.domain.masks import decode_mask
from synres.domain.types import Expression, ModelInfo, Rle
from synres.errors import InvalidInput, NotFound, SynresError
from synres.ports import Image, Mask
from synres.rpc.channel import Connection
from synres.rpc.codec import choice_to_fields, model_from_proto, rle_from_proto
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from synres.rpc.status import error_from_code


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A picture that this key has uploaded: it is kept for a day, and named by its sha256."""

    digest: str


Picture = bytes | Path | Image | Uploaded
"""The bytes of a PNG, JPEG, WebP or BMP file; its path; pixels (H, W, 3) uint8 RGB; or an `Uploaded`."""


@dataclass(frozen=True, slots=True)
class FoundMask:
    """What one expression names. `box` is (x, y, width, height) in pixels from the upper left; `area` counts
    the mask's pixels; `score` is in [0, 1]. Without a target mask and box are empty."""

    expression: Expression
    rle: Rle
    box: tuple[int, int, int, int]
    area: int
    score: float

    @property
    def mask(self) -> Mask:
        """(H, W) bool, of the picture as it stands upright: EXIF orientation is applied."""
        return decode_mask(self.rle)

    @property
    def no_target(self) -> bool:
        """Nothing in the picture fits the expression."""
        return self.area == 0


@dataclass(frozen=True, slots=True)
class Answer:
    """`masks` in the order of the expressions; `merged` is their union; `size` is (height, width) of the
    upright picture; `timings_ms`: "queue_ms", "preprocess_ms", "model_ms" and "postprocess_ms"."""

    masks: tuple[FoundMask, ...]
    merged: Rle
    size: tuple[int, int]
    model: ModelInfo
    timings_ms: dict[str, float]
    request_id: str


@dataclass(frozen=True, slots=True)
class EndpointLimits:
    """Of one call; `max_pictures` of one `segment_all`."""

    max_image_bytes: int
    max_pixels: int
    max_expressions: int
    max_expression_chars: int
    max_pictures: int


class Endpoint(Connection):
    """`address`: host:port of its gRPC, https://host:port for TLS, or dns:///name:port for all replicas
    behind a name. TLS trusts the system's roots, or those of the PEM file that
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names.

    `key`: an API key, or the pipeline's token. `timeout_s`: seconds that a call may take; the endpoint does
    not begin what cannot be done in that time. Threads may share it; as a context manager it closes itself.
    """

    def __init__(self, address: str, key: str | None = None, timeout_s: float = 30.0) -> None:
        super().__init__(address, key, timeout_s)
        stub_type: Any = segmenter_pb2_grpc.SegmenterServiceStub
        self._stub = stub_type(self.channel)

    def segment(
        self,
        picture: Picture,
        expressions: Sequence[Expression],
        request_id: str = "",
        choice: BackendChoice | None = None,
        weights: str = "",
    ) -> Answer:
        """One mask for each expression, empty where nothing fits: see its `no_target`.

        What is beyond `limits` raises InvalidInput or RejectedItem. `request_id` comes back in the answer;
        the endpoint makes one for "".

        Only with the token: `choice` of another backend than the one that is served, and `weights`, the
        digest of trained ones.
        """
        request = _request(picture, expressions, request_id)
        if choice is not None:
            request.MergeFrom(segmenter_pb2.SegmentRequest(**choice_to_fields(choice)))
        request.weights = weights
        return _answer(self.call(self._stub.Segment, request), expressions)

    def segment_all(
        self, asked: Sequence[tuple[Picture, Sequence[Expression]]]
    ) -> list[Answer | SynresError]:
        """Several pictures in one call, answered together; what is wrong with one stands in its place."""
        requests = [_request(picture, expressions, "") for picture, expressions in asked]
        message = segmenter_pb2.BatchSegmentRequest(requests=requests)
        outcomes = self.call(self._stub.BatchSegment, message).outcomes
        return [
            _answer(outcome.response, expressions)
            if outcome.HasField("response")
            else error_from_code(outcome.error.code, outcome.error.message, outcome.error.reason)
            for outcome, (_, expressions) in zip(outcomes, asked, strict=True)
        ]

    def upload(self, picture: bytes | Path | Image) -> Uploaded:
        """Keeps a picture there for a day, to ask about it again and again without sending it: with this key
        only, since what another uploaded is NotFound."""
        message = segmenter_pb2.UploadPictureRequest(image=_encoded(picture))
        return Uploaded(self.call(self._stub.UploadPicture, message).digest)

    def limits(self) -> EndpointLimits:
        """What a call may ask for. Loads the model if it must."""
        told = self.call(self._stub.Describe, segmenter_pb2.DescribeRequest()).limits
        return EndpointLimits(
            told.max_image_bytes,
            told.max_pixels,
            told.max_expressions,
            told.max_expression_chars,
            told.max_pictures,
        )


def _request(
    picture: Picture, expressions: Sequence[Expression], request_id: str
) -> segmenter_pb2.SegmentRequest:
    if isinstance(expressions, str):
        raise InvalidInput(f"expressions are a list: [{expressions!r}]")
    request = segmenter_pb2.SegmentRequest(expressions=expressions, request_id=request_id)
    if isinstance(picture, Uploaded):
        request.image_digest = picture.digest
    else:
        request.image = _encoded(picture)
    return request


def _encoded(picture: bytes | Path | Image) -> bytes:
    if isinstance(picture, bytes):
        return picture
    if not isinstance(picture, Path):
        return encode_png(picture)
    try:
        return picture.read_bytes()
    except OSError as error:
        raise NotFound(f"{picture}: {error.strerror}") from error


def _answer(message: Any, expressions: Sequence[Expression]) -> Answer:
    masks = [
        FoundMask(
            expression,
            rle_from_proto(found.mask),
            (found.box.x, found.box.y, found.box.width, found.box.height),
            found.area,
            found.score,
        )
        for expression, found in zip(expressions, message.masks, strict=True)
    ]
    timings = {
        field.name: getattr(message.timings, field.name) for field in message.timings.DESCRIPTOR.fields
    }
    return Answer(
        tuple(masks),
        rle_from_proto(message.merged),
        (message.height, message.width),
        model_from_proto(message.model),
        timings,
        message.request_id,
    )
