"""Re-hashes and re-links a finished run: nothing is computed again, everything it rests on is read."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from synres.domain.digests import digest_bytes
from synres.domain.types import ArtifactRef, Rejection
from synres.errors import ArtifactCorrupt, ArtifactMissing, NotFound
from synres.ledger.keys import blob_key, record_key
from synres.ledger.ledger import OPTIONAL_OUTPUTS
from synres.ledger.links import artifact_refs
from synres.ledger.merkle import merkle_root
from synres.ledger.records import Record
from synres.ledger.runs import Commit, Plan, RunFolder
from synres.ports import ArtifactStore


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was read, and each thing wrong with it in one sentence. `total_bytes` counts blobs."""

    run: str
    merkle_root: str
    records: int
    blobs: int
    total_bytes: int
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.faults


def verify_run(store: ArtifactStore, run: str, readers: int = 8) -> VerifyReport:
    """Reads COMMIT, plan, every record and every blob that they reach, `readers` at a time; writes nothing.

    Raises NotFound for a run that is unknown or not finished, LedgerVersionMismatch for another format.
    """
    folder = RunFolder(store, run)
    folder.spec()
    commit, plan = folder.commit(), folder.plan()
    if commit is None or plan is None:
        raise NotFound(f"run {run} is not finished: run its spec again, then verify")
    with ThreadPoolExecutor(readers) as pool:
        check = _Verification(store, pool)
        records = check.read_records(commit)
        check.relink(plan, records)
        check.rehash(plan, records)
    root = _root(records, commit.quarantined)
    if root != commit.merkle_root:
        check.faults.append(f"the Merkle root is {root}, but COMMIT says {commit.merkle_root}")
    return VerifyReport(run, root, len(records), check.blobs, check.total_bytes, tuple(check.faults))


def _root(records: dict[str, Record], quarantined: Iterable[Rejection]) -> str:
    rejections = [r for record in records.values() for r in record.body.rejections]
    return merkle_root(((a, r.body.outputs) for a, r in records.items()), [*rejections, *quarantined])


@dataclass(slots=True)
class _Verification:
    store: ArtifactStore
    pool: ThreadPoolExecutor
    faults: list[str] = field(default_factory=list)
    blobs: int = 0
    total_bytes: int = 0

    def read_records(self, commit: Commit) -> dict[str, Record]:
        found = self.pool.map(self._read_record, commit.actions)
        return {action: record for (_, action), record in zip(commit.actions, found, strict=True) if record}

    def _read_record(self, named: tuple[str, str]) -> Record | None:
        stage, action = named
        try:
            record = Record.decode(self.store.get(record_key(stage, action)))
        except ArtifactMissing:
            self.faults.append(f"record {stage} {action} is missing")
        except ArtifactCorrupt as error:
            self.faults.append(f"record {stage} {action} cannot be read: {error.message}")
        else:
            if record.body.action.digest() == action and record.body.action.stage == stage:
                return record
            self.faults.append(f"record {stage} {action} holds another action")
        return None

    def relink(self, plan: Plan, records: dict[str, Record]) -> None:
        """Every input is a root of the plan or an output of this run: no mixed artifacts (L1)."""
        known = {digest for digests in plan.values() for digest in digests}
        for record in records.values():
            known.update(record.body.outputs.values())
        for action, record in records.items():
            for digest in record.body.action.inputs:
                if digest not in known:
                    name = f"{record.body.action.stage} {action}"
                    self.faults.append(f"input {digest} of {name} is neither in the plan nor an output")

    def rehash(self, plan: Plan, records: dict[str, Record]) -> None:
        """Level by level from the plan and the records' outputs, through whatever rows refer to."""
        frontier: dict[str, int | None] = {digest: None for digests in plan.values() for digest in digests}
        for record in records.values():
            frontier.update((digest, None) for digest in self._outputs(record))
        seen: set[str] = set()
        while frontier:
            seen.update(frontier)
            found = [data for data in self.pool.map(self._read_blob, frontier, frontier.values()) if data]
            self.blobs += len(found)
            self.total_bytes += sum(size for size, _ in found)
            frontier = {ref.digest: ref.size for _, refs in found for ref in refs if ref.digest not in seen}

    def _outputs(self, record: Record) -> list[str]:
        outputs = record.body.outputs.items()
        absent = {
            d for name, d in outputs if name in OPTIONAL_OUTPUTS and self.store.head(blob_key(d)) is None
        }
        return [digest for _, digest in outputs if digest not in absent]

    def _read_blob(self, digest: str, size: int | None) -> tuple[int, list[ArtifactRef]] | None:
        """Size and what the blob points at; None for a fault."""
        try:
            data = self.store.get(blob_key(digest))
        except ArtifactMissing:
            self.faults.append(f"blob {digest} is missing")
            return None
        if digest_bytes(data) != digest or size not in (None, len(data)):
            self.faults.append(f"blob {digest} does not match its digest or its size")
            return None
        return len(data), list(artifact_refs(data))
