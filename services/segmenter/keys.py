"""API keys: hashed in a file, one line each, and a rate for each. The keys themselves are never kept."""

from __future__ import annotations

import datetime
import hashlib
import re
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from synres import telemetry
from synres.errors import Overloaded, SettingInvalid, Unauthenticated

_LINE = re.compile(
    r"(?P<key_id>[A-Za-z0-9][A-Za-z0-9_-]{0,63})\s+(?P<digest>[0-9a-f]{64})"
    r"(?:\s+rate=(?P<rate>[0-9.]+))?(?:\s+until=(?P<until>\d{4}-\d\d-\d\d))?"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`rate`: calls per second, None for the service's own. `until`: the last day (UTC), None for ever."""

    key_id: str
    digest: str
    rate: float | None = None
    until: datetime.date | None = None


def new_key(key_id: str) -> tuple[str, str]:
    """A key, to be given to whoever calls, and its line for the file."""
    key = f"synres_{secrets.token_urlsafe(32)}"
    return key, f"{key_id} {_digest(key)}"


class KeyRing:
    """The keys of a file, looked at every `reread_s` seconds for a change: a mounted Secret does.

    Raises SettingInvalid for a file that is not there or a line that is none.
    """

    def __init__(self, path: Path, usual_rate: float, reread_s: float = 2.0) -> None:
        self._path, self._usual_rate, self._reread_s = path, usual_rate, reread_s
        self._lock = threading.Lock()
        self._buckets: dict[str, _Bucket] = {}
        self._looked_s, self._stamp = time.monotonic(), _stamp(path)
        self._keys = dict(_keys_in(_read(path), path))

    def admit(self, key: str) -> str:
        """The key's id. Raises Unauthenticated, or Overloaded for one that calls too often."""
        found = self._current().get(_digest(key))
        if found is None:
            raise Unauthenticated("the API key is not known here")
        if found.until is not None and datetime.datetime.now(datetime.UTC).date() > found.until:
            raise Unauthenticated(f"the API key expired on {found.until}")
        with self._lock:
            bucket = self._buckets.setdefault(found.key_id, _Bucket())
            bucket.take(found.rate or self._usual_rate)
        return found.key_id

    def _current(self) -> dict[str, ApiKey]:
        now_s = time.monotonic()
        if now_s - self._looked_s > self._reread_s:
            self._looked_s = now_s
            try:
                self._reread()
            except SettingInvalid as error:
                telemetry.log.error("the keys stay as they were", error=error.message)
        return self._keys

    def _reread(self) -> None:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            text = _read(self._path)
            # what is wrong in it is told once
            self._stamp = stamp
            self._keys = dict(_keys_in(text, self._path))


class _Bucket:
    """A second's calls may come at once."""

    def __init__(self) -> None:
        self._spent, self._at_s = 0.0, time.monotonic()

    def take(self, rate: float) -> None:
        now_s = time.monotonic()
        self._spent = max(0.0, self._spent - rate * (now_s - self._at_s))
        self._at_s = now_s
        over = self._spent + 1 - max(1.0, rate)
        if over > 0:
            raise Overloaded(f"this API key may call {rate:g} times a second", retry_after_s=over / rate)
        self._spent += 1


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise SettingInvalid(f"SYNRES_SEGMENTER_KEYS: cannot read {path}: {error.strerror}") from error
    return found.st_mtime_ns, found.st_ino, found.st_size


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeError) as error:
        raise SettingInvalid(f"SYNRES_SEGMENTER_KEYS: cannot read {path}: {error}") from error


def _keys_in(lines: str, path: Path) -> Iterator[tuple[str, ApiKey]]:
    for number, line in enumerate(lines.splitlines(), 1):
        text = line.partition("#")[0].strip()
        if text:
            key = _parse(text, f"{path}, line {number}")
            yield key.digest, key


def _parse(text: str, where: str) -> ApiKey:
    found = _LINE.fullmatch(text)
    if found is None:
        raise SettingInvalid(f"SYNRES_SEGMENTER_KEYS: {where} is no line of `synres keys new`")
    try:
        rate = float(found["rate"]) if found["rate"] else None
        until = datetime.date.fromisoformat(found["until"]) if found["until"] else None
    except ValueError as error:
        raise SettingInvalid(f"SYNRES_SEGMENTER_KEYS: {where}: {error}") from error
    if rate == 0:
        raise SettingInvalid(f"SYNRES_SEGMENTER_KEYS: {where}: rate is over 0; take out a key that is over")
    return ApiKey(found["key_id"], found["digest"], rate, until)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
