"""Datasets into the ledger: pictures, samples, known expressions; what is bad is a rejection with its reason.

One recorded action for each dataset, so that a second run neither renders nor reads anything anew.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from synres.data.images import decode_image
from synres.data.source import Picture, Referred, Refused
from synres.domain.digests import canonical_json, digest_bytes, digest_json
from synres.domain.masks import area
from synres.domain.types import (
    ArtifactRef,
    ModelInfo,
    OpenTriplet,
    Rejection,
    Rle,
    Sample,
    SummedTriplet,
    Triplet,
)
from synres.errors import RejectedItem
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import ShardRequest, ShardResult
from synres.stages.shard import Computed, StageCode, run_shard

INGEST = StageCode("ingest", 1, min_inputs=0)
READER = ModelInfo("ingest", digest_bytes(b"ingest 1"), "Apache-2.0", bitwise=True)
_MEDIA = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp", b"BM": "image/bmp"}
# each writer waits for the disk, not for the processor
_WRITERS = 8
_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Found:
    """What one picture holds."""

    samples: list[Sample]
    triplets: list[Triplet]
    rejections: list[tuple[Rejection, str]]


@dataclass(slots=True)
class _Collected:
    pictures: int = 0
    samples: dict[str, Sample] = field(default_factory=dict)
    triplets: list[Triplet] = field(default_factory=list)


def ingest_request(params: dict[str, object], inputs: tuple[str, ...]) -> ShardRequest:
    """The action of a dataset: what was asked for, its files' fingerprint, and what it is made from."""
    data = canonical_json(params)
    action = Action(INGEST.name, INGEST.version, READER.digest, data.decode(), inputs).digest()
    return ShardRequest(INGEST.name, action, inputs, data)


def ingest(ledger: Ledger, request: ShardRequest, pictures: Iterable[Picture | Refused]) -> ShardResult:
    """Outputs "samples" (rows of Sample) and "triplets" (rows of Triplet).

    `pictures` is not read if there is a record. A sample that occurs twice stays once.
    """

    def work() -> Computed:
        collected, computed = _Collected(), Computed()
        for found in take_pictures(ledger, pictures):
            _collect(collected, computed, found)
        samples = list(collected.samples.values())
        outputs = {"samples": ledger.put_rows(samples), "triplets": ledger.put_rows(collected.triplets)}
        computed.outputs = {name: ref.digest for name, ref in outputs.items()}
        computed.counts = {
            "pictures": collected.pictures, "samples": len(samples), "triplets": len(collected.triplets),
            "rejections": len(computed.rejections),
        }  # fmt: skip
        return computed

    return run_shard(ledger, INGEST, READER, request, work)


def take_pictures(ledger: Ledger, pictures: Iterable[Picture | Refused]) -> Iterator[Found]:
    """Checks each, and puts the good ones into the ledger; in order, a few at a time."""
    with ThreadPoolExecutor(_WRITERS) as pool:
        for batch in _batches(pictures, _AT_ONCE):
            yield from pool.map(lambda picture: _take(ledger, picture), batch)


def _batches(pictures: Iterable[Picture | Refused], size: int) -> Iterator[list[Picture | Refused]]:
    iterator = iter(pictures)
    while batch := list(itertools.islice(iterator, size)):
        yield batch


def _collect(collected: _Collected, computed: Computed, found: Found) -> None:
    collected.pictures += 1
    collected.samples.update((sample.item, sample) for sample in found.samples)
    collected.triplets += found.triplets
    for rejection, message in found.rejections:
        computed.rejections.append(rejection)
        computed.messages[rejection.item] = message


def _take(ledger: Ledger, picture: Picture | Refused) -> Found:
    if isinstance(picture, Refused):
        return _rejected(digest_bytes(picture.content), picture.reason, f"{picture.name}: {picture.message}")
    try:
        size = decode_image(picture.image).shape[:2]
    except RejectedItem as bad:
        return _rejected(digest_bytes(picture.image), bad.reason, f"{picture.name}: {bad.message}")
    image = ledger.put_blob(picture.image, _media_type(picture.image))
    return _annotated(ledger, picture, image, (size[0], size[1]))


def _annotated(ledger: Ledger, picture: Picture, image: ArtifactRef, size: tuple[int, int]) -> Found:
    found = Found([], [], [])
    scene = ledger.put_rows(picture.objects) if len(picture.objects) > 1 else None
    for index, thing in enumerate(picture.objects):
        place = f"{picture.name}#{index}"
        sample = Sample(image, thing.mask, thing.category, picture.domain, place, scene)
        try:
            if not _checked_area(thing.mask, size):
                raise RejectedItem("empty_mask", "the mask has no foreground pixel")
            found.samples.append(sample)
        except RejectedItem as bad:
            found.rejections.append((Rejection(sample.item, bad.reason), f"{place}: {bad.message}"))
    for known in picture.referred:
        about = (known.mask, known.expression, known.category, known.subset, picture.domain)
        try:
            _checked_area(known.mask, size)
            if known.ignore is not None:
                _checked_area(known.ignore, size)
            found.triplets.append(_triplet(image, about, known))
        except RejectedItem as bad:
            item = digest_json([image.digest, known.expression, list(known.mask.size), known.mask.counts])
            found.rejections.append((Rejection(item, bad.reason), f"{picture.name}: {bad.message}"))
    return found


def _triplet(image: ArtifactRef, about: tuple[Rle, str, str, str, str], known: Referred) -> Triplet:
    if known.overlaps:
        return SummedTriplet(image.digest, image, *about, known.ignore, known.turns, known.overlaps)
    if known.ignore is None and not known.turns:
        return Triplet(image.digest, image, *about)
    return OpenTriplet(image.digest, image, *about, known.ignore, known.turns)


def _checked_area(mask: Rle, size: tuple[int, int]) -> int:
    """Foreground pixels; an expression, unlike an object, may have no target."""
    if tuple(mask.size) != size:
        raise RejectedItem("mask_size_mismatch", f"mask is {mask.size}, picture {size} (height, width)")
    return area(mask)


def _rejected(item: str, reason: str, message: str) -> Found:
    return Found([], [], [(Rejection(item, reason), message)])


def _media_type(image: bytes) -> str:
    return next(media for magic, media in _MEDIA.items() if image.startswith(magic))
