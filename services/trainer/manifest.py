"""What a training job is, before anything runs it: pure, and the same for a process and for a cluster.

The request is a blob: a manifest stays small however many inputs it has, and a person can run a job by hand.
What is run and where comes from the deployment, never from the request (who may choose a command may run
anything).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import msgspec

from synres.ports import ShardRequest

STAGES = ("train", "evaluate")


@dataclass(frozen=True, slots=True)
class JobManifest:
    """`name` is a DNS label, one for each action; `command` is program and arguments."""

    name: str
    command: tuple[str, ...]


def job_manifest(request: ShardRequest, request_digest: str, store_url: str) -> JobManifest:
    """The job of `request`, whose `encode_request` lies in the store at `store_url` as `request_digest`."""
    name = f"synres-{request.stage}-{request.action[:12]}"
    return JobManifest(name, (sys.executable, "-m", "services.trainer.job", store_url, request_digest))


def encode_request(request: ShardRequest) -> bytes:
    return msgspec.json.encode(request, order="sorted")


def decode_request(data: bytes) -> ShardRequest:
    """The inverse of `encode_request`."""
    return msgspec.json.decode(data, type=ShardRequest)
