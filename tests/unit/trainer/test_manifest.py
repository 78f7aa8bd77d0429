"""Job manifests: a name that a cluster takes, a command that says where the request lies."""

from __future__ import annotations

import re

from services.trainer.manifest import decode_request, encode_request, job_manifest
from synres.ports import ShardRequest

REQUEST = ShardRequest("train", "ab" * 32, ("cd" * 32,), b'{"seed":1}', "00-trace")


def test_a_request_survives_the_store() -> None:
    """Encoded and decoded it is the same, to the bytes of its params."""
    assert decode_request(encode_request(REQUEST)) == REQUEST


def test_the_manifest_is_a_function_of_its_arguments() -> None:
    """The same request is the same job; its name is a DNS label; method fields stay out of the command."""
    manifest = job_manifest(REQUEST, "ef" * 32, "s3://bucket/prefix")
    assert manifest == job_manifest(REQUEST, "ef" * 32, "s3://bucket/prefix")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", manifest.name)
    assert manifest.command[-2:] == ("s3://bucket/prefix", "ef" * 32)
    assert not any("seed" in word for word in manifest.command)
