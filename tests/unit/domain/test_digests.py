"""One value, one form of bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synres.domain.digests import canonical_json, digest_bytes, digest_json
from synres.domain.types import ArtifactRef, Rle, Sample

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def test_canonical_json_is_sorted_tight_and_composed():
    """Keys sorted, no spaces, NFC, and floats as written."""
    assert canonical_json({"b": [1, 0.65], "a": "cafe\u0301"}) == '{"a":"caf\u00e9","b":[1,0.65]}'.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value):
    """NaN has no JSON."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


@given(st.dictionaries(st.text(max_size=3), values, max_size=5))
def test_digests_do_not_follow_the_order_of_keys(value):
    """A dictionary filled in another order has the same digest."""
    assert digest_json(value) == digest_json(dict(reversed(value.items())))


def test_known_digest():
    """sha256, lower-case hex."""
    assert digest_bytes(b"abc").startswith("ba7816bf8f01cfea")


def test_a_sample_is_named_by_its_content_alone():
    """Where a sample came from and its domain are not in its item digest; its category is."""
    image, mask = ArtifactRef("0" * 64, 1, "image/png"), Rle((1, 1), "1")
    item = Sample(image, mask, "cup").item
    assert Sample(image, mask, "cup", "kitchen", "a.png#7").item == item
    assert Sample(image, mask, "mug").item != item
