"""Damaged and made-up pickles: whatever the bytes, the answer is values or one error of ours."""

from __future__ import annotations

import pickle
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from synres.data.readers.pickled import read_pickled_list
from synres.errors import InvalidInput

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(max_size=8)
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


def load(data: bytes) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "v.p"
        path.write_bytes(data)
        return list(read_pickled_list(path))


@given(st.lists(PLAIN, max_size=4), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_what_pickle_writes_is_read_as_it_was(values: list[Any], protocol: int) -> None:
    """Any tree of plain values, in any protocol."""
    assert load(pickle.dumps(values, protocol)) == values


@given(st.lists(PLAIN, min_size=1, max_size=3), st.data())
@settings(max_examples=120, deadline=None)
def test_damage_is_an_error_or_other_values(values: list[Any], data: st.DataObject) -> None:
    """Bytes overwritten, cut or added never raise anything but InvalidInput."""
    whole = bytearray(pickle.dumps(values, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    for damaged in (bytes(whole), bytes(whole[:cut]), data.draw(st.binary(max_size=20)) + bytes(whole)):
        try:
            load(damaged)
        except InvalidInput:
            continue
