"""Pickled lists of plain values (`refs(unc).p`), item by item, by a machine that cannot run anything.

`pickle.load` executes what a file asks for, and its C code allocates what a file claims. This machine knows
lists, dicts, tuples, text and numbers; every other operation is refused by name before one item is made.
What a file shares is copied within a budget, so that a small file cannot unfold into a large value.
Operations: https://docs.python.org/3/library/pickletools.html (protocols 0 to 5; the originals have 2).
"""

from __future__ import annotations

import pickletools
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from synres.errors import InvalidInput, NotFound

MAX_PICKLE_BYTES = 2**30
_MAX_DEPTH = 32
_MAX_MADE = 2**20
"""Containers of the items that are read together: each takes one byte in a file, and sixty in memory."""
_MEND = "load it where you trust it, and save it as JSON beside it"

_BINGET, _STOP, _MEMOIZE, _APPEND, _APPENDS = 0x68, 0x2E, 0x94, 0x61, 0x65


def _table(sizes: dict[bytes, int]) -> list[int]:
    """By operation; -1 for those of another kind."""
    table = [-1] * 256
    for operations, size in sizes.items():
        for op in operations:
            table[op] = size
    return table


# bytes of an operation's argument
_FIXED = _table({b".(]})ldtaesuN\x85\x86\x87\x88\x89\x94": 0, b"\x80Kqh": 1, b"M": 2, b"Jrj": 4, b"G\x95": 8})
# bytes of the length that stands before an operation's argument
_COUNTED = _table({b"U\x8c\x8aC": 1, b"TXB": 4, b"\x8d": 8})
_LINES = frozenset(b"ILFSVpg")
_GETS, _PUTS = frozenset(b"ghj"), frozenset(b"pqr\x94")


def read_pickled_list(path: Path) -> Iterator[Any]:
    """The items of the list that the file holds, each a tree of dict, list, tuple, text, number, None.

    Byte strings are read as UTF-8, else Latin-1. Few items are in memory at a time. Raises NotFound, and
    InvalidInput for anything but such a list.
    """
    try:
        if path.stat().st_size > MAX_PICKLE_BYTES:
            raise InvalidInput(f"{path} has over {MAX_PICKLE_BYTES} bytes")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound(f"{path} does not exist") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from error
    try:
        yield from _Machine(data).items()
    except (ValueError, LookupError, TypeError, struct.error, RecursionError) as error:
        raise InvalidInput(f"{path} is no pickled list of plain values: {error}; {_MEND}") from error


def _operations(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(operation, start, end of its argument); raises ValueError for what is refused or cut off."""
    place, size = 0, len(data)
    while place < size:
        op, start = data[place], place + 1
        place = end = start + _FIXED[op]
        if end < start:
            start, end, place = _argument(data, op, start)
        if end > size:
            break
        yield op, start, end
        if op == _STOP:
            return
    raise ValueError("it breaks off")


def _argument(data: bytes, op: int, start: int) -> tuple[int, int, int]:
    """Start and end of an argument whose size varies, and the next operation's place."""
    width = _COUNTED[op]
    if width > 0:
        start += width
        end = start + int.from_bytes(data[start - width : start], "little")
        return start, end, end
    if op not in _LINES:
        raise ValueError(f"it asks for {_name(op)}, which is refused")
    end = data.index(b"\n", start)
    return start, end, end + 1


def _name(op: int) -> str:
    return next(
        (known.name for known in pickletools.opcodes if known.code == chr(op)), f"operation {op:#04x}"
    )


def _number(op: int, argument: bytes) -> int:
    return int(argument) if op in _LINES else int.from_bytes(argument, "little")


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _signed(data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def _quoted(data: bytes) -> str:
    return _text(data.strip()[1:-1].decode("unicode_escape").encode("latin-1"))


def _integer(data: bytes) -> int | bool:
    # protocol 1 had no other way to spell True and False
    return data == b"01" if data in (b"00", b"01") else int(data)


_MAKERS: dict[int, Callable[[bytes], Any]] = {
    **dict.fromkeys(b"UXTCB\x8c\x8d", _text), **dict.fromkeys(b"J\x8a", _signed),
    **dict.fromkeys(b"KM", lambda data: int.from_bytes(data, "little")),
    ord("N"): lambda _: None, 0x88: lambda _: True, 0x89: lambda _: False,
    ord("I"): _integer, ord("L"): lambda data: int(data.rstrip(b"L")), ord("F"): float,
    ord("G"): lambda data: struct.unpack(">d", data)[0], ord("S"): _quoted,
    ord("V"): lambda data: data.decode("raw-unicode-escape"),
    ord(")"): lambda _: (),
}  # fmt: skip
_SCALARS = [_MAKERS.get(op) for op in range(256)]


class _Machine:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._memoized = self._made = 0
        # no value is larger than its file
        self._budget = len(data)
        self._acts: dict[int, Callable[[], None]] = {
            ord("("): self._mark, ord("]"): lambda: self._make([]), ord("}"): lambda: self._make({}),
            ord("l"): lambda: self._make(self._popped()),
            ord("t"): lambda: self._make(tuple(self._popped())),
            ord("d"): lambda: self._make(_pairs(self._popped())),
            0x85: lambda: self._tuple(1), 0x86: lambda: self._tuple(2), 0x87: lambda: self._tuple(3),
            ord("s"): lambda: self._set([self._stack.pop(-2), self._stack.pop()]),
            ord("u"): lambda: self._set(self._popped()),
        }  # fmt: skip

    def items(self) -> Iterator[Any]:
        """Those of the outermost list, as they are appended to it."""
        data, stack, scalars = self._data, self._stack, _SCALARS
        fetched = {_number(op, data[a:b]) for op, a, b in _operations(data) if op in _GETS}
        for op, start, end in _operations(data):
            scalar = scalars[op]
            if scalar is not None:
                stack.append(scalar(data[start:end]))
            elif op in _GETS:
                value = self._memo[data[start] if op == _BINGET else _number(op, data[start:end])]
                stack.append(value if type(value) is str else self._copy(value, 0))
            elif op in _PUTS:
                self._put(op, data[start:end], fetched)
            elif op in (_APPENDS, _APPEND):
                yield from self._append([stack.pop()] if op == _APPEND else self._popped())
            elif op in self._acts:
                self._acts[op]()
        if stack != [[]]:
            raise ValueError("its outermost value is no list")

    def _put(self, op: int, argument: bytes, fetched: set[int]) -> None:
        index = self._memoized if op == _MEMOIZE else _number(op, argument)
        self._memoized += 1
        if index in fetched:
            self._memo[index] = self._stack[-1]

    def _append(self, values: list[Any]) -> list[Any]:
        """What was appended to the outermost list, which stays empty; nothing, for an inner one."""
        target = self._stack[-1]
        if not isinstance(target, list):
            raise TypeError("it appends to what is no list")
        if len(self._stack) == 1:
            self._made = 0
            return values
        target.extend(values)
        return []

    def _mark(self) -> None:
        self._count()
        self._marks.append(len(self._stack))

    def _make(self, value: list[Any] | tuple[Any, ...] | dict[str, Any]) -> None:
        self._count()
        self._stack.append(value)

    def _count(self) -> None:
        self._made += 1
        if self._made > _MAX_MADE:
            raise ValueError(f"its items hold more than {_MAX_MADE} lists, tuples and dicts together")

    def _set(self, flat: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise TypeError("it sets items of what is no dict")
        target.update(_pairs(flat))

    def _tuple(self, size: int) -> None:
        if len(self._stack) < size:
            raise ValueError("a tuple lacks its values")
        self._count()
        self._stack[-size:] = [tuple(self._stack[-size:])]

    def _popped(self) -> list[Any]:
        mark = self._marks.pop()
        values = self._stack[mark:]
        del self._stack[mark:]
        return values

    def _copy(self, value: Any, depth: int) -> Any:
        self._budget -= 1
        if self._budget < 0 or depth > _MAX_DEPTH:
            raise ValueError("its values repeat each other without end")
        if isinstance(value, dict):
            return {key: self._copy(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([self._copy(inner, depth + 1) for inner in value])
        return value


def _pairs(flat: list[Any]) -> dict[str, Any]:
    if len(flat) % 2 or not all(isinstance(key, str) for key in flat[::2]):
        raise TypeError("a dict has a key that is no text")
    return dict(zip(flat[::2], flat[1::2], strict=True))
