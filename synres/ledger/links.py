"""Finds the blobs that a blob points at, whatever its rows: an ArtifactRef has one form in sorted JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from synres.domain.types import ArtifactRef

_REF = re.compile(rb'\{"digest":"([0-9a-f]{64})","media_type":"([^"\\]*)","size":([0-9]+)\}')
_DIGEST = re.compile(rb"[0-9a-f]{64}")
_MAY_POINT = ("application/json", "application/jsonl")


def artifact_refs(data: bytes) -> Iterator[ArtifactRef]:
    """Each ArtifactRef in JSON or JSONL `data`; nothing in other bytes."""
    if is_json(data):
        for digest, media_type, size in _REF.findall(data):
            yield ArtifactRef(digest.decode(), int(size), media_type.decode())


def all_digests(data: bytes) -> set[str]:
    """Whatever in JSON or JSONL `data` looks like a digest: more than it points at, never less."""
    return {found.decode() for found in _DIGEST.findall(data)} if is_json(data) else set()


def may_point(ref: ArtifactRef) -> bool:
    """True if the blob may hold references of its own."""
    return ref.media_type in _MAY_POINT


def is_json(data: bytes) -> bool:
    """True if `data` begins like JSON; safetensors and pictures rarely do, and then hold no digest."""
    return data[:1] in (b"{", b"[")
