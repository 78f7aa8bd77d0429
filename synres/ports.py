"""What the stages, the ledger and the coordinator ask of the outside world. Adapters live elsewhere.

A backend whose model runs on a GPU says so in a field `device`, "cuda" or "cuda:0": the seconds of its calls
are then GPU seconds. One without that field runs on the processor. One whose calls may overlap, since it
keeps nothing between or within them, says so with `thread_safe = True`; others are called one at a time.
A segmenter whose model may answer freely or with the answer's form given says which in a field `protocol`,
"generated" or "teacher_forced": their scores are not to be compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from synres.domain.types import Expression, GroupedImage, GroupParams, ModelInfo, SegmentedImage

Image = NDArray[np.uint8]
"""(H, W, 3) uint8, RGB."""
Mask = NDArray[np.bool_]
"""(H, W) bool."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A key as the store lists it. `modified_s` is the store's own clock, seconds since the epoch."""

    key: str
    size: int
    modified_s: float


class ArtifactStore(Protocol):
    """Bytes by key. Keys are relative, `/`-separated, without `..`.

    Every method may raise StoreUnavailable or StoreFull; reads raise ArtifactMissing.
    """

    url: str
    """What `open_store` takes to open the same store in another process."""

    def get(self, key: str) -> bytes: ...

    def get_with_etag(self, key: str) -> tuple[bytes, str]:
        """The bytes, and the etag that `replace` compares."""

    def head(self, key: str) -> StoredObject | None: ...

    def put(self, key: str, data: bytes) -> None:
        """Writes, whether the key exists or not. Readers see the old bytes or the new, never a part."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """True if this call made the key. At most one racer gets True, where the store keeps its word."""

    def replace(self, key: str, data: bytes, etag: str) -> bool:
        """True if the key still had `etag` and now holds `data`."""

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """All keys that start with `prefix`, each once, in an order of the store's own."""

    def delete(self, key: str) -> None:
        """Removes the key; a missing key is no error."""


@dataclass(frozen=True, slots=True)
class SceneMask:
    """Another annotated object of the same picture."""

    category: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class ObjectView:
    """What a captioner looks at: one object in its picture. `others` excludes the object itself."""

    image: Image
    mask: Mask
    category: str
    others: tuple[SceneMask, ...] = ()


@dataclass(frozen=True, slots=True)
class FoundExpressions:
    """Best first. `shortfall`: "" when there are as many as were asked for, else a lower_snake reason."""

    expressions: tuple[Expression, ...]
    shortfall: str = ""


class Captioner(Protocol):
    model: ModelInfo

    def caption(self, view: ObjectView, n: int, seed: int) -> FoundExpressions:
        """`n` distinct expressions that name the object, or fewer and why.

        A backend that will not go on with fewer raises RejectedItem("too_few_expressions").
        """


class Aligner(Protocol):
    model: ModelInfo

    def scores(self, image: Image, expressions: Sequence[Expression]) -> list[float]:
        """How well each expression fits something in the picture: finite, greater is better."""


@dataclass(frozen=True, slots=True)
class GeneratorInput:
    """One composite prompt. `view` is the source object, for backends that cut it out."""

    prompt: str
    expressions: tuple[Expression, ...]
    view: ObjectView


FILTERED = "filtered"
"""The reason of a picture that a safety filter keeps back."""


@dataclass(frozen=True, slots=True)
class GeneratedImage:
    """A picture; `exact_masks` only from renderers, one for each expression (all False: no target).

    `refusal` says why a safety filter keeps the picture back, "" when it may go on.
    """

    image: Image
    exact_masks: tuple[Mask, ...] | None = None
    refusal: str = ""


class ImageGenerator(Protocol):
    model: ModelInfo
    needs_view: bool
    """True if `GeneratorInput.view` must be loaded (else it holds a 1 x 1 picture)."""

    def generate(self, request: GeneratorInput, seeds: Sequence[int]) -> list[GeneratedImage]:
        """One picture for each seed, a function of (request, that seed) alone."""


@dataclass(frozen=True, slots=True)
class ScoredMask:
    """A full-size mask and a score in [0, 1].

    `is_rejected`: whether the model said "no target" in so many words, whatever the mask; None for a model
    without such a word, where an empty mask says it.
    """

    mask: Mask
    score: float
    is_rejected: bool | None = None


class Segmenter(Protocol):
    model: ModelInfo

    def segment(self, image: Image, expressions: Sequence[Expression]) -> list[ScoredMask]:
        """One mask of the image's size for each expression; an empty mask says "no target"."""


@runtime_checkable
class InformedSegmenter(Segmenter, Protocol):
    """One whose evaluation may show the model what is true, as that of published numbers does."""

    def segment_known(
        self, image: Image, expressions: Sequence[Expression], has_target: Sequence[bool]
    ) -> list[ScoredMask]:
        """As `segment`, told which expressions have a target."""


class Grouper(Protocol):
    model: ModelInfo

    def group(self, segmented: SegmentedImage, params: GroupParams) -> GroupedImage: ...


@dataclass(frozen=True, slots=True)
class ShardRequest:
    """One stage call: what `Run<Stage>Shard` carries. `params` is the canonical JSON that was hashed.

    `inputs` are digests of JSONL blobs in the ledger; `action` is the digest the caller expects; `trace_id`
    is for the record's meta, and never sent: traces travel in the headers of the call. `run` is who wants a
    job, which several runs may share.
    """

    stage: str
    action: str
    inputs: tuple[str, ...]
    params: bytes
    trace_id: str = ""
    run: str = ""


@dataclass(frozen=True, slots=True)
class ShardResult:
    """The record's outputs (name -> digest), counts and cost. `cached`: answered from an existing record."""

    action: str
    outputs: dict[str, str]
    counts: dict[str, int]
    cost: dict[str, float]
    cached: bool = False
    rejections: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class JobStatus:
    """`state`: "running" | "succeeded" | "failed"; `progress` in [0, 1]; `message` for people; `code` of the
    error class when failed."""

    state: str
    progress: float = 0.0
    message: str = ""
    facts: dict[str, float] = field(default_factory=dict)
    code: str = ""


class JobRunner(Protocol):
    """Runs a training or evaluation to its end outside this process. Idempotent by action."""

    def submit(self, request: ShardRequest) -> None:
        """Starts the job unless it runs or its record is there; one that failed starts again.

        Raises Overloaded when no more jobs fit.
        """

    def status(self, action: str) -> JobStatus:
        """A job that nobody knows has failed: its service died under it, and it may be submitted again."""

    def cancel(self, action: str, run: str = "") -> None:
        """`run` wants the job no more. It stops once no run does; its last checkpoint stays.

        A job that does not run is no error.
        """

    def log(self, action: str) -> list[str]:
        """The last whole lines that the job said, at most 64 KiB; none of a job that nobody knows."""


__all__ = [
    "FILTERED", "Aligner", "ArtifactStore", "Captioner", "FoundExpressions", "GeneratedImage",
    "GeneratorInput", "GroupParams", "Grouper", "Image", "ImageGenerator", "JobRunner", "JobStatus", "Mask",
    "ObjectView", "SceneMask", "ScoredMask", "Segmenter", "ShardRequest", "ShardResult", "StoredObject",
]  # fmt: skip
