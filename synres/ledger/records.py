"""Actions and their records: `body` is hashed, `meta` never is (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from synres.domain.digests import digest_json
from synres.domain.types import Rejection
from synres.errors import ArtifactCorrupt, InvalidInput
from synres.ledger.keys import check_digest
from synres.typed_json import decode_json


@dataclass(frozen=True, slots=True)
class Action:
    """What is asked for. `params` is canonical JSON; `inputs` are upstream *output digests* (L1)."""

    stage: str
    stage_version: int
    model_digest: str
    params: str
    inputs: tuple[str, ...]

    def digest(self) -> str:
        return digest_json(
            [self.stage, self.stage_version, self.model_digest, self.params, list(self.inputs)]
        )


@dataclass(frozen=True, slots=True)
class Body:
    """The hashed part. `outputs`: name -> digest; "rows" is what the next stage reads."""

    action: Action
    outputs: dict[str, str]
    rejections: tuple[Rejection, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Meta:
    """The part that may differ between two runs of one action: costs, times, host, versions, messages."""

    cost: dict[str, float] = field(default_factory=dict)
    started_s: float = 0.0
    host: str = ""
    trace_id: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    messages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    body: Body
    meta: Meta

    def encode(self) -> bytes:
        return msgspec.json.encode(self, order="sorted")

    @staticmethod
    def decode(data: bytes) -> Record:
        """Raises ArtifactCorrupt, also for outputs that no digest could name."""
        try:
            record = decode_json(data, Record)
            for digest in record.body.outputs.values():
                check_digest(digest)
        except (ValueError, InvalidInput) as error:
            raise ArtifactCorrupt(f"not a record: {error}") from error
        return record
