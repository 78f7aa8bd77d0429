"""Scores a checkpoint on a benchmark, in this process or in several, and goes on where a killed one was.

Every part has its record in the ledger. Whoever scored it, the rows are put together in the benchmark's
order, each once: the numbers do not depend on how many processes there were.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.cli.checkpoints import Checkpoint, open_checkpoint
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import ShardRequest
from synres.stages.evaluate import (
    EVALUATE,
    PART,
    EvaluatedExpression,
    JudgedExpression,
    RunParts,
    run_evaluate_shard,
)
from synres.stages.params import EvaluateParams, encode_params

if TYPE_CHECKING:
    from synres.domain.types import ModelInfo

NO_CHOICE = "none"
"""The protocol of a model that answers with masks alone."""
Advance = Callable[[int], None]
"""Called with pictures that were scored."""
_ORPHANED = 70


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`rejected`: reason -> pictures that could not be scored. `model` is name and digest."""

    rows: Sequence[EvaluatedExpression]
    protocol: str
    rejected: Mapping[str, int]
    model: ModelInfo


def evaluate_on(
    ledger: Ledger, checkpoint: Checkpoint, benchmark: str, workers: int, advance: Advance
) -> Evaluation:
    """`benchmark`: digest of its rows of Triplet. Raises as stages and backends do."""
    model, open_segmenter = open_checkpoint(checkpoint)
    request = _request(ledger, checkpoint, benchmark, model)
    run_parts = _in_processes(ledger, checkpoint, workers, advance) if workers > 1 else None
    check = lambda: advance(1)
    result = run_evaluate_shard(ledger, open_segmenter, model, request, check, run_parts)
    rows = ledger.get_rows(result.outputs["rows"], JudgedExpression)
    report = json.loads(ledger.get_blob(result.outputs["report"]))
    reasons = [reason for _, reason in result.rejections]
    rejected = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    return Evaluation(rows, report.get("protocol", NO_CHOICE), rejected, model)


def _request(ledger: Ledger, checkpoint: Checkpoint, benchmark: str, model: ModelInfo) -> ShardRequest:
    choice = checkpoint.choice
    params = encode_params(
        EvaluateParams(backend=choice.backend, model=choice.model, options=dict(choice.options))
    )
    weights = checkpoint.weights or ledger.put_blob(b"", "application/octet-stream").digest
    inputs = (weights, benchmark)
    action = Action(EVALUATE.name, EVALUATE.version, model.digest, params.decode(), inputs)
    return ShardRequest(EVALUATE.name, action.digest(), inputs, params)


def _in_processes(ledger: Ledger, checkpoint: Checkpoint, workers: int, advance: Advance) -> RunParts:
    def run(parts: Sequence[ShardRequest]) -> None:
        missing = [part for part in parts if ledger.find_record(EVALUATE.name, part.action) is None]
        advance(PART * (len(parts) - len(missing)))
        # forked processes would inherit locks of threads that they do not have
        context = multiprocessing.get_context("spawn")
        count = max(1, min(workers, len(missing)))
        with ProcessPoolExecutor(count, context, _start, (ledger.store.url, checkpoint)) as pool:
            for done in as_completed([pool.submit(_score, part) for part in missing]):
                done.result()
                advance(PART)

    return run


_here: dict[str, Any] = {}
"""What a scoring process works with; set once, before its first part."""


def _start(store_url: str, checkpoint: Checkpoint) -> None:
    from synres.ledger.stores import open_store

    # Ctrl-C is for whoever started us, and so is our life
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _here["ledger"] = Ledger(open_store(store_url))
    _here["model"], _here["open"] = open_checkpoint(checkpoint)
    _here["segmenter"] = None


def _score(part: ShardRequest) -> None:
    def opened(weights: bytes) -> Any:
        if _here["segmenter"] is None:
            _here["segmenter"] = _here["open"](weights)
        return _here["segmenter"]

    run_evaluate_shard(_here["ledger"], opened, _here["model"], part)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(_ORPHANED)
