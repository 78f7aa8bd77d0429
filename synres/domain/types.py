"""The records that flow through the stages. Frozen; each is also one line of JSON in the ledger.

Field names are the wire form (`synres.ledger.rows` encodes them as they stand): renaming one is a new
stage version.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from synres.domain.digests import digest_json
from synres.errors import InvalidInput

_GROUP_CHOICES = {
    "agreement": ("iou", "mean_iou"),
    "linkage": ("connected", "complete"),
    "consensus": ("half", "majority"),
}

Expression: TypeAlias = str
"""The text that names a target, for example "the man in red"."""


@dataclass(frozen=True, slots=True)
class Rle:
    """A mask in COCO compressed run-length form: `size` is (height, width), `counts` is ASCII."""

    size: tuple[int, int]
    counts: str


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A blob by content: lower-case hex sha256, size in bytes, media type."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Sample:
    """An annotated real object: its picture, its mask (same height and width), its category.

    `scene` refers to the picture's other annotated objects (a JSONL blob of `SceneObject`), for backends
    that look at neighbours. `source` says where it came from ("voc.png#7"), for people; it is not hashed
    into `item`, so seeds follow content and not file names.
    """

    image: ArtifactRef
    mask: Rle
    category: str
    domain: str = ""
    source: str = ""
    scene: ArtifactRef | None = None

    @cached_property
    def item(self) -> str:
        """Content digest: image, mask, category."""
        return digest_json([self.image.digest, list(self.mask.size), self.mask.counts, self.category])


@dataclass(frozen=True, slots=True)
class SceneObject:
    """One annotated object of a picture."""

    category: str
    mask: Rle


@dataclass(frozen=True, slots=True)
class CaptionedSample:
    """A sample with its distinct expressions, split into `prompts_per_sample` groups of them."""

    item: str
    sample: Sample
    prompts: tuple[tuple[Expression, ...], ...]


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Fewer expressions were found for a sample than were asked for, and why."""

    item: str
    asked: int
    found: int
    reason: str


@dataclass(frozen=True, slots=True)
class SynthImage:
    """One generated picture. `item` = digest of (sample item, prompt index, image index, image digest)."""

    item: str
    sample_item: str
    expressions: tuple[Expression, ...]
    prompt: str
    image: ArtifactRef
    size: tuple[int, int]
    """(height, width) in pixels."""


@dataclass(frozen=True, slots=True)
class AlignedExpression:
    """How well an expression fits its synthetic image. `dropped`: "" if it goes on, else "not_rendered"."""

    expression: Expression
    score: float
    dropped: str = ""


@dataclass(frozen=True, slots=True)
class AlignedImage:
    """The scores of one synthetic image, in the order of its expressions."""

    item: str
    expressions: tuple[AlignedExpression, ...]


@dataclass(frozen=True, slots=True)
class PseudoMask:
    """The segmenter's guess for one expression. `score` in [0, 1]."""

    expression: Expression
    mask: Rle
    score: float


@dataclass(frozen=True, slots=True)
class SegmentedImage:
    """A synthetic image with one pseudo-mask for each expression."""

    synth: SynthImage
    pseudo_masks: tuple[PseudoMask, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Pseudo-masks that agree. `members` index the pseudo-masks, ascending."""

    members: tuple[int, ...]
    consensus_mask: Rle


@dataclass(frozen=True, slots=True)
class Dropped:
    """A pseudo-mask that ITAG left out. `reason`: "no_consensus" or "empty_mask"."""

    member: int
    reason: str


@dataclass(frozen=True, slots=True)
class Agreement:
    """All pairs, in integers, so that tau can be replayed without a model.

    `areas[i]` is the pixel count of mask i; `intersections[i][j]` of masks i and j, for j < i (row i has
    i numbers); `pixels` is height x width.
    """

    areas: tuple[int, ...]
    intersections: tuple[tuple[int, ...], ...]
    pixels: int


@dataclass(frozen=True, slots=True)
class GroupParams:
    """ITAG's knobs (docs/architecture.md). `tau` in [0, 1]; `agreement`: "iou" | "mean_iou";
    `linkage`: "connected" | "complete"; `consensus`: "half" (2 * votes >= members) | "majority" (2 * votes >
    members). Other values raise InvalidInput."""

    tau: float = 0.65
    agreement: str = "iou"
    linkage: str = "connected"
    min_members: int = 2
    consensus: str = "half"

    def __post_init__(self) -> None:
        for name, choices in _GROUP_CHOICES.items():
            if getattr(self, name) not in choices:
                raise InvalidInput(
                    f"group {name} {getattr(self, name)!r} is unknown; use {' or '.join(choices)}"
                )
        if not 0.0 <= self.tau <= 1.0:
            raise InvalidInput(f"group tau {self.tau} is not in [0, 1]; the paper uses 0.65")
        if self.min_members < 1:
            raise InvalidInput(
                f"group min_members {self.min_members} is below 1; 2 asks for any agreement at all"
            )


@dataclass(frozen=True, slots=True)
class GroupedImage:
    """What ITAG made of one synthetic image: groups, what was dropped and why, and the agreement matrix."""

    synth: SynthImage
    pseudo_masks: tuple[PseudoMask, ...]
    groups: tuple[Group, ...]
    dropped: tuple[Dropped, ...]
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class Triplet:
    """The final datum: picture, mask, expression. `item` names the picture it came from.

    `category`, `subset` and `domain` are labels for sampling and for tables; empty when unknown.
    """

    item: str
    image: ArtifactRef
    mask: Rle
    expression: Expression
    category: str = ""
    subset: str = ""
    domain: str = ""


@dataclass(frozen=True, slots=True)
class OpenTriplet(Triplet):
    """A Triplet with what only some datasets have. `ignore`: pixels that annotators left open, which count
    neither for nor against a mask. `turns`: questions about the picture, each with its answer in words; a
    conversation without a target has its first question for an expression, and an empty mask.

    Rows of it are rows of Triplet too, for readers that need neither.
    """

    ignore: Rle | None = None
    turns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SummedTriplet(OpenTriplet):
    """An OpenTriplet of which parts of the target lie over each other, as its original counts them.

    `overlaps`: the pixels of the mask that count twice or more, three times or more, and so on.
    """

    overlaps: tuple[Rle, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Rejection:
    """An item that went no further: its content digest and a lower_snake reason."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What computes a stage: `digest` names weights and code; `bitwise` claims equal bytes anywhere.

    `licence` joins the ids of all models behind it by " AND ", as SPDX expressions do.
    """

    name: str
    digest: str
    licence: str
    bitwise: bool


def split_licences(licence: str) -> tuple[str, ...]:
    """The ids in a ModelInfo's `licence`.

    >>> split_licences("Apache-2.0 AND MIT")
    ('Apache-2.0', 'MIT')
    """
    return tuple(licence.split(" AND "))
