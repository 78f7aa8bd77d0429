"""The restricted unpickler: what plain values look like in every protocol, and what is refused."""

from __future__ import annotations

import collections
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from synres.data.readers.pickled import read_pickled_list
from synres.errors import InvalidInput
from tests.unit.data.readers.layouts import ref, write_pickle

VALUES = [
    ref(1, [4, 5], 2, "man", "größer"),
    {"a": (1, 2.5, None), "b": True, "c": -7, "d": 2**40, "e": [], "f": (), "g": "x" * 300, "h": 70_000},
    [[1], [2, [3, {}]], False, "", (1,), (1, 2), (1, 2, 3, 4)],
]


def load(path: Path, data: bytes) -> list[Any]:
    path.write_bytes(data)
    return list(read_pickled_list(path))


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_come_out_of_every_protocol(tmp_path: Path, protocol: int) -> None:
    """Text, numbers and containers are what `pickle.load` would make of them."""
    assert load(tmp_path / "v.p", pickle.dumps(VALUES, protocol)) == VALUES


def test_python_2_wrote_bytes_for_text(tmp_path: Path) -> None:
    """Strings of the originals are read as UTF-8, else Latin-1."""
    write_pickle(tmp_path / "v.p", VALUES)
    assert list(read_pickled_list(tmp_path / "v.p")) == VALUES
    assert load(tmp_path / "w.p", b"\x80\x02]U\x03\xe9t\xe9a.") == ["été"]
    assert load(tmp_path / "w.p", b"(lp0\nS'it\\'s \\xe9'\np1\naI01\naI5\naL7L\na.") == ["it's é", True, 5, 7]


class Call:
    """Pickles as a call of whatever it is given."""

    def __init__(self, *call: Any) -> None:
        self._call = call

    def __reduce__(self) -> Any:
        return self._call


HOSTILE = [
    Call(os.system, ("touch {mark}",)),
    Call(getattr, ("text", "upper")),
    Call(eval, ("open('{mark}', 'w')",)),
    Call(collections.OrderedDict, ()),
    {1, 2},
    bytearray(b"x"),
    os.system,
]


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_whatever_asks_for_code_is_refused_before_anything_is_made(
    tmp_path: Path, hostile: Any, protocol: int
) -> None:
    """Calls, classes and functions are refused by name, also where they stand deep in a ref."""
    data = pickle.dumps([ref(1, 2, 3, "man"), ref(2, 2, 3, "man", split=[{"deep": hostile}])], protocol)
    made: list[Any] = []
    (tmp_path / "v.p").write_bytes(data)
    with pytest.raises(InvalidInput, match=r"refused|plain values"):
        made.extend(read_pickled_list(tmp_path / "v.p"))
    assert made == []


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'echo hostile'\ntR.",
        b"(S'echo hostile'\nios\nsystem\n.",
        b"\x80\x02]\x82\x01a.",
        b"\x80\x02]Pid\na.",
        b"\x80\x04]\x8c\x02os\x8c\x06system\x93a.",
        b"]}}ba.",
        b"](K\x01o.",
    ],
)
def test_hand_written_calls_are_refused(tmp_path: Path, data: bytes) -> None:
    """GLOBAL, INST, EXT, PERSID, STACK_GLOBAL, BUILD and OBJ have no place in data."""
    with pytest.raises(InvalidInput, match="refused"):
        load(tmp_path / "v.p", data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x02]",
        b"\x80\x02]q\x01X\xff\xff\xff\x7fa.",
        b"\x80\x02]a.",
        b"\x80\x02e.",
        b"\x80\x02]h\x05a.",
        b"\x80\x02}K\x01K\x02s.",
        b"\x80\x02K\x01.",
        b"]\x87.",
        b"I" + b"9" * 10_000 + b"\n.",
        b"\x80\x02]" + b"]" * 100_000 + b"a" * 100_001 + b".",
    ],
)
def test_what_is_no_list_or_breaks_off_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    """Whatever is wrong with the bytes, the error is ours and names the file."""
    with pytest.raises(InvalidInput, match=r"v\.p is no pickled list"):
        load(tmp_path / "v.p", data)


def test_a_small_file_cannot_unfold_into_a_large_value(tmp_path: Path) -> None:
    """Lists that hold each other twice, forty levels deep, are refused; what is shared a little is copied."""
    bomb: list[Any] = []
    for _ in range(40):
        bomb = [bomb, bomb]
    with pytest.raises(InvalidInput, match="without end"):
        load(tmp_path / "v.p", pickle.dumps([bomb], 2))
    shared = ["a"]
    assert load(tmp_path / "v.p", pickle.dumps([{"x": shared}, {"x": shared}], 2)) == [{"x": ["a"]}] * 2


@pytest.mark.parametrize("op", [b"]", b"(", b"\x85"])
def test_a_file_of_containers_alone_does_not_fill_the_memory(tmp_path: Path, op: bytes) -> None:
    """Sixty bytes of memory for each of the file's would be sixty gigabytes for the largest."""
    data = b"\x80\x02](K\x01" + op * 1_100_000 + b"e."
    with pytest.raises(InvalidInput, match="more than 1048576 lists, tuples and dicts"):
        load(tmp_path / "v.p", data)


def test_a_memo_index_asks_for_no_memory(tmp_path: Path) -> None:
    """A PUT at four thousand million costs nothing."""
    assert load(tmp_path / "v.p", b"\x80\x02]K\x01r\xff\xff\xff\xffa.") == [1]
