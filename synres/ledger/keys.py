"""Where things lie in a store (docs/architecture.md), and the checks that keep a name inside it."""

from __future__ import annotations

import re

from synres.errors import InvalidInput, UnsafePath

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PART = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_NAME = re.compile(_PART)
_KEY = re.compile(f"{_PART}(?:/{_PART})*")
_PREFIX = re.compile(f"(?:{_PART}/)*(?:{_PART})?")


def check_digest(digest: str) -> str:
    """`digest` itself, if it is 64 lower-case hex digits; else InvalidInput."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidInput(f"{digest!r} is not a sha256 digest: give 64 lower-case hex digits")
    return digest


def check_name(name: str) -> str:
    """`name` itself, if it may stand between two slashes of a key; else UnsafePath."""
    if not _NAME.fullmatch(name):
        raise UnsafePath(f"{name!r} cannot be part of a key: use at most 128 letters, digits, `.`, `_`, `-`")
    return name


def check_key(key: str) -> str:
    """`key` itself, if it is relative, `/`-separated and without `..` or hidden parts; else UnsafePath."""
    if not _KEY.fullmatch(key):
        raise UnsafePath(
            f"{key!r} is not a key: use parts of letters, digits, `.`, `_`, `-`, with `/` between"
        )
    return key


def check_prefix(prefix: str) -> str:
    """`prefix` itself, if some key can start with it; else UnsafePath."""
    if not _PREFIX.fullmatch(prefix):
        raise UnsafePath(f"{prefix!r} is not the beginning of a key")
    return prefix


def blob_key(digest: str) -> str:
    """`cas/sha256/ab/<digest>`."""
    return f"cas/sha256/{check_digest(digest)[:2]}/{digest}"


def record_key(stage: str, action: str) -> str:
    """`ac/<stage>/ab/<action>.json`."""
    return f"ac/{check_name(stage)}/{check_digest(action)[:2]}/{action}.json"


def run_key(run: str, *parts: str) -> str:
    """`runs/<run>/<part>/...`."""
    return "/".join(("runs", check_name(run), *map(check_name, parts)))
