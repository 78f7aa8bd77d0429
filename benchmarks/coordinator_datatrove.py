"""What benchmarks/coordinator.py does, by datatrove's local executor; needs datatrove and nothing else.

python benchmarks/coordinator_datatrove.py SAMPLES SHARD WORKERS FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

STAGES = ("caption", "generate", "segment", "group")


def stamp(data, rank, world_size, stage):
    """One small row a sample, as the synres stages write it."""
    for document in data:
        document.text = stage
        yield document


def write_shards(folder: Path, samples: int, shard: int) -> int:
    folder.mkdir(parents=True)
    starts = range(0, samples, shard)
    for number, start in enumerate(starts):
        rows = (
            json.dumps({"id": f"{i:064x}", "text": "sample"})
            for i in range(start, min(start + shard, samples))
        )
        (folder / f"{number:05d}.jsonl").write_text("\n".join(rows))
    return len(starts)


def main() -> None:
    samples, shard, workers = map(int, sys.argv[1:4])
    folder = Path(sys.argv[4])
    tasks = write_shards(folder / "sample", samples, shard)
    started_s = time.perf_counter()
    source = "sample"
    for stage in STAGES:
        pipeline = [
            JsonlReader(str(folder / source), glob_pattern="*.jsonl"),
            lambda data, rank, world_size, stage=stage: stamp(data, rank, world_size, stage),
            JsonlWriter(str(folder / stage), output_filename="${rank}.jsonl", compression=None),
        ]
        logs = str(folder / "logs" / stage)
        LocalPipelineExecutor(
            pipeline, tasks=tasks, workers=workers, logging_dir=logs, skip_completed=True
        ).run()
        source = stage
    seconds = time.perf_counter() - started_s
    print(json.dumps({"samples_per_s": samples / seconds, "seconds": seconds}))


if __name__ == "__main__":
    main()
