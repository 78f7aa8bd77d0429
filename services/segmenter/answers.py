"""What the online endpoint takes and gives, whatever face it came through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from synres.domain.choice import BackendChoice
from synres.domain.types import Expression, ModelInfo, Rle

MAX_TIMEOUT_S = 240.0
"""What a call may ask for by parameter; HTTP connections end later than that."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Told by Describe and by the metadata of each face; held before a pixel is decoded."""

    max_image_bytes: int
    max_pixels: int
    max_expressions: int
    max_expression_chars: int
    max_pictures: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `key_id` is "" for who came without an API key. `may_choose`: any backend, not only the
    one that is served."""

    key_id: str
    may_choose: bool


@dataclass(frozen=True, slots=True)
class SegmentCall:
    """One picture and what to find in it.

    `image`: PNG, JPEG, WebP or BMP bytes; or empty, with the `digest` (sha256) of a picture that the same
    key uploaded. `choice` None, or with an empty backend: the one that is served. `weights`: digest of
    trained weights in the ledger. `deadline_s`: of `time.monotonic`; None gives the service's own.
    `is_abandoned` is asked before the model is.
    """

    caller: Caller
    image: bytes
    expressions: tuple[Expression, ...]
    digest: str = ""
    choice: BackendChoice | None = None
    weights: str = ""
    deadline_s: float | None = None
    request_id: str = ""
    is_abandoned: Callable[[], bool] = field(default=lambda: False)


@dataclass(frozen=True, slots=True)
class FoundMask:
    """A mask of the picture's size, as it stands upright (EXIF applied). `box` is (x, y, width, height) in
    pixels; `score` in [0, 1]; an empty mask says that there is no target."""

    expression: Expression
    mask: Rle
    box: tuple[int, int, int, int]
    area: int
    score: float

    @property
    def no_target(self) -> bool:
        return self.area == 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds: waiting for a place and for the model, decoding, in the model, and encoding."""

    queue_ms: float
    preprocess_ms: float
    model_ms: float
    postprocess_ms: float


@dataclass(frozen=True, slots=True)
class SegmentAnswer:
    """`masks` in the order of the expressions; `merged` is their union; `height` and `width` are those of the
    upright picture."""

    masks: tuple[FoundMask, ...]
    merged: Rle
    height: int
    width: int
    model: ModelInfo
    timings: Timings
    request_id: str
