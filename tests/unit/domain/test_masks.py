"""Run lengths against pycocotools and dense numpy; hostile counts never reach C code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from synres.domain import masks
from synres.domain.types import Rle
from synres.errors import InvalidInput, RejectedItem
from tests.unit.domain.strategies import mask_arrays, mask_lists


def reason_of(call, *arguments):
    with pytest.raises(RejectedItem) as caught:
        call(*arguments)
    return caught.value.reason


@given(mask_arrays())
def test_masks_survive_the_round_trip_and_match_pycocotools(mask):
    """Decoding gives the mask back, and the counts are those that pycocotools writes."""
    rle = masks.encode_mask(mask)
    assert np.array_equal(masks.decode_mask(rle), mask)
    assert rle.counts.encode() == coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]


@given(mask_arrays())
def test_area_box_and_runs_match_dense_numpy(mask):
    """Area, box and run lengths are those of the dense mask, column by column."""
    rle = masks.encode_mask(mask)
    rows, columns = np.nonzero(mask)
    expected = (0, 0, 0, 0)
    if rows.size:
        expected = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    assert masks.area(rle) == mask.sum()
    assert masks.box(rle) == expected
    runs = masks.runs_of(rle)
    assert np.array_equal(np.repeat(np.arange(runs.size) % 2 == 1, runs), mask.ravel(order="F"))


@given(mask_lists())
def test_intersections_unions_and_iou_match_dense_numpy(arrays):
    """Pairwise intersections are exact integers; union and IoU are those of the dense masks."""
    rles = [masks.encode_mask(array) for array in arrays]
    areas, shared = masks.pairwise_intersections(rles)
    assert areas == [array.sum() for array in arrays]
    assert shared == [[(a & b).sum() for b in arrays[:i]] for i, a in enumerate(arrays)]
    assert np.array_equal(masks.decode_mask(masks.union(rles)), np.any(arrays, axis=0))
    either = (arrays[0] | arrays[-1]).sum()
    expected = (arrays[0] & arrays[-1]).sum() / either if either else 1.0
    assert masks.iou(rles[0], rles[-1]) == expected


def test_worked_iou():
    """Areas 100 and 120 with overlap 80: 80/140."""
    strip = np.zeros((2, 3, 200), bool)
    strip[0, 0, :100], strip[1, 0, 20:140] = True, True
    assert masks.iou(*(masks.encode_mask(mask) for mask in strip)) == 80 / 140


def test_many_masks_are_compared_and_too_many_refused():
    """62 masks in one sweep; 63 are an input error that says how many are allowed."""
    arrays = [np.arange(70)[None, :] >= k for k in range(63)]
    rles = [masks.encode_mask(array) for array in arrays]
    areas, shared = masks.pairwise_intersections(rles[:62])
    assert areas == [70 - k for k in range(62)]
    assert shared == [[70 - i] * i for i in range(62)]
    with pytest.raises(InvalidInput, match="use 62 or fewer"):
        masks.pairwise_intersections(rles)


def test_no_masks_have_no_intersections():
    """Nothing in, nothing out."""
    assert masks.pairwise_intersections([]) == ([], [])


@given(mask_arrays(), st.data())
def test_foreign_runs_become_canonical(mask, data):
    """Empty runs inside foreign counts vanish, so that one mask has one spelling."""
    rle = masks.encode_mask(mask)
    runs = masks.runs_of(rle).tolist()
    cut = data.draw(st.integers(0, len(runs) - 1))
    taken = data.draw(st.integers(0, runs[cut]))
    stuffed = [*runs[:cut], taken, 0, runs[cut] - taken, *runs[cut + 1 :]]
    assert masks.runs_to_rle(stuffed, mask.shape) == rle
    foreign = coco.frPyObjects({"size": list(mask.shape), "counts": stuffed}, *mask.shape)["counts"]
    assert masks.compressed_to_rle(foreign, mask.shape) == rle


def test_uncompressed_zero_runs_at_the_end():
    """A trailing empty foreground run adds nothing."""
    assert masks.runs_to_rle([6, 0], (2, 3)) == masks.encode_mask(np.zeros((2, 3), bool))


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [5],
        [7],
        [-1, 7],
        [2**62, 2**62, 2**63 - 1, 9],
        [2**70],
        [1.5, 4.5],
        [[6]],
        [[1], [2, 3]],
        ["6"],
        [None],
    ],
    ids=str,
)
def test_runs_that_do_not_fill_the_mask_are_rejected(runs):
    """Too short, too long, negative, wrapping, or not integers at all."""
    assert reason_of(masks.runs_to_rle, runs, (2, 3)) == "mask_unreadable"


@pytest.mark.parametrize("counts", ["", "6P", "p", " ", "é", "\x00", "PPPPPPPP0", "7", "1O7"], ids=repr)
@pytest.mark.parametrize("use", [masks.decode_mask, masks.area, masks.box, lambda rle: masks.union([rle])])
def test_hostile_counts_are_rejected_before_c_code(counts, use):
    """Broken text, unfinished numbers, overruns and negative runs never reach pycocotools."""
    assert reason_of(use, Rle((2, 3), counts)) == "mask_unreadable"


def test_counts_beyond_ascii_are_rejected():
    """No character stands for another: a question mark would be a run of 15."""
    assert reason_of(masks.area, Rle((3, 5), "\u20ac")) == "mask_unreadable"
    assert reason_of(masks.compressed_to_rle, b"\xff", (3, 5)) == "mask_unreadable"
    assert masks.area(Rle((3, 5), "?")) == 0


@given(
    st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_any_counts_are_read_rightly_or_rejected(counts, height, width):
    """Whatever the text: either the mask that its runs describe, or one clear rejection."""
    try:
        rle = masks.compressed_to_rle(counts, (height, width))
    except RejectedItem as error:
        assert error.reason == "mask_unreadable"
        return
    assert masks.decode_mask(rle).shape == (height, width)


def test_empty_runs_in_an_rle_are_rejected():
    """A `Rle` is canonical: the mend for foreign counts is named."""
    foreign = coco.frPyObjects({"size": [2, 3], "counts": [1, 0, 1, 4]}, 2, 3)["counts"].decode()
    with pytest.raises(RejectedItem, match="compressed_to_rle"):
        masks.runs_of(Rle((2, 3), foreign))


@pytest.mark.parametrize("size", [(0, 3), (3, 0), (-1, -6), (1 << 20, 1 << 20)])
def test_sizes_without_pixels_or_with_too_many_are_rejected(size):
    """A few bytes of counts cannot ask for a terabyte."""
    assert reason_of(masks.area, Rle(size, "6")) == "mask_unreadable"
    assert reason_of(masks.polygons_to_rle, [], size) == "mask_unreadable"


def test_masks_of_two_sizes_are_rejected():
    """Union, intersections and IoU ask for one size."""
    a, b = (masks.encode_mask(np.ones(shape, bool)) for shape in ((2, 3), (3, 2)))
    assert {reason_of(masks.union, [a, b]), reason_of(masks.iou, a, b)} == {"mask_size_mismatch"}


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2), np.uint8), np.zeros((1, 2, 2), bool), np.zeros((0, 3), bool)]
)
def test_what_is_no_mask_is_rejected(array):
    """Other dtypes, other dimensions and empty arrays are not masks."""
    assert reason_of(masks.encode_mask, array) == "mask_unreadable"


def test_polygons_fill_and_unite():
    """Two boxes as polygons cover both boxes; a polygon of two corners has no inside."""
    left, right = [0, 0, 2, 0, 2, 4, 0, 4], [4, 0, 6, 0, 6, 4, 4, 4]
    expected = np.zeros((4, 6), bool)
    expected[:, :2] = expected[:, 4:] = True
    rle = masks.polygons_to_rle([left, right, [1, 1, 3, 3]], (4, 6))
    assert np.array_equal(masks.decode_mask(rle), expected)


def test_no_polygons_are_an_empty_mask():
    """An empty segmentation is an all-False mask, as the datasets mean it."""
    assert masks.area(masks.polygons_to_rle([], (4, 6))) == 0


@pytest.mark.parametrize(
    "polygon",
    [
        [0, 0, 1, 1, 2],
        [0, 0, 1, 1, 2, float("nan")],
        [0, 0, 1, 1, 2, float("inf")],
        [0, 0, 1e9, 0, 0, 1e9],
        [0, 0, "a", 1, 2, 2],
        [[0, 0], [1, 1], [2, 2]],
        [0, 0, None, 1, 2, 2],
        [0, 0, 6, 4] * 50,
    ],
    ids=lambda polygon: str(polygon)[:30],
)
def test_wild_polygons_are_rejected(polygon):
    """Odd, nested, infinite, far away, not numbers, or longer than the picture has pixels."""
    assert reason_of(masks.polygons_to_rle, [polygon], (4, 6)) == "mask_unreadable"
