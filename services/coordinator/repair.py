"""A blob is gone: finds which action made it and takes its record away, so that the engine wants it again.

Records whose own outputs are missing count as absent anyway (L2). A blob further in, a picture that some row
names, is found by looking for its digest: the first action in the order of the run that mentions it made it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from services.coordinator.datasets import Ingested
from services.coordinator.engine import Desired, Node, Source, Task, survey
from services.coordinator.ingest import INGEST, ingest
from services.coordinator.plan import Frozen, cut
from synres.errors import ArtifactMissing
from synres.ledger.keys import record_key
from synres.ledger.ledger import Ledger
from synres.ports import ShardResult

_DIGEST = re.compile(r"[0-9a-f]{64}")


def forget_maker(
    ledger: Ledger, frozen: Frozen, results: Mapping[str, ShardResult], task: Task, error: BaseException
) -> tuple[str, str | None]:
    """(missing digest, action whose record was removed); no action if a dataset was read again instead.

    Raises `error` if it names no digest or nothing of this run ever mentioned it.
    """
    named = _DIGEST.search(str(error))
    if named is None:
        raise error
    missing = named[0]
    found = survey(frozen.desired, results)
    for node in _ancestors(frozen.desired, task.node):
        action = found.actions.get(node.name, "")
        if action in results and _mentions(ledger, results[action], missing):
            ledger.store.delete(record_key(node.stage, action))
            return missing, action
    if not _read_again(ledger, frozen, missing):
        raise error
    return missing, None


def _ancestors(desired: Desired, node: Node) -> Iterator[Node]:
    """All nodes that `node` rests on, in the order of the run."""
    wanted = {node.name}
    above: list[Node] = []
    for candidate in reversed(desired.nodes):
        if candidate.name in wanted:
            wanted.update(source.node for source in candidate.inputs if isinstance(source, Source))
            above.append(candidate)
    return reversed(above)


def _mentions(ledger: Ledger, result: ShardResult, digest: str) -> bool:
    outputs = result.outputs.values()
    return digest in outputs or any(_holds(ledger, output, digest) for output in outputs)


def _holds(ledger: Ledger, output: str, digest: str) -> bool:
    try:
        return digest.encode() in ledger.get_blob(output)
    except ArtifactMissing:
        return False


def _read_again(ledger: Ledger, frozen: Frozen, missing: str) -> bool:
    """Restores what datasets and plan hold: reading is deterministic, so the digests come out the same."""
    restored = False
    for dataset in frozen.datasets.values():
        if _mentions(ledger, dataset.result, missing):
            _restore(ledger, dataset)
            restored = True
    roots = cut(frozen.spec, ledger, frozen.datasets)
    return restored or any(missing in digests for digests in roots.values())


def _restore(ledger: Ledger, dataset: Ingested) -> None:
    ledger.store.delete(record_key(INGEST.name, dataset.request.action))
    ingest(ledger, dataset.request, dataset.pictures())
