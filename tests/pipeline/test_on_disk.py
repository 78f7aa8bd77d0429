"""A run over datasets as people have them on disk: from folders to a trained arm and its scores."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.unit.data.readers import layouts

ROOT = Path(__file__).parents[2]
SPEC = """\
synres: 1
name: on-disk
method:
  datasets:
    refs: {kind: refcoco, folder: data/refer_seg/refcoco}
    reasons: {kind: reasonseg, folder: data/reason_seg/ReasonSeg, split: train}
    scenes: {kind: ade20k, folder: data/ade20k}
    parts: {kind: paco, folder: data/vlpart/paco}
    reasons_val: {kind: reasonseg, folder: data/reason_seg/ReasonSeg, split: val}
    grefs: {kind: grefcoco, folder: data/refer_seg/grefcoco}
    wild: {kind: wildres, folder: data/wildres, variant: id}
  arms:
    it:
      backend: micro
      data: {refer_seg: refs, reason_seg: reasons, sem_seg: scenes}
      mixture: {sem_seg: 1, refer_seg: 1, vqa: 0, reason_seg: 1, synres: 0}
      steps: 1
      batch_size: 2
  benchmarks: [reasons_val, grefs, wild]
"""


def test_folders_become_a_trained_arm_with_scores(tmp_path: Path) -> None:
    """RefCOCO, ReasonSeg, ADE20K train; ReasonSeg, gRefCOCO, WildRES score; the second run only looks."""
    data = tmp_path / "data"
    for write in (layouts.write_refcoco, layouts.write_reasonseg, layouts.write_ade20k, layouts.write_paco,
                  layouts.write_grefcoco, layouts.write_wildres):  # fmt: skip
        write(data)
    (tmp_path / "spec.yaml").write_text(SPEC)
    command = [sys.executable, "-m", "services.cli", "run", "spec.yaml", "--store", "store", "--json"]
    run = lambda: json.loads(
        subprocess.run(
            command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}, check=True,
            stdout=subprocess.PIPE, timeout=240,
        ).stdout
    )  # fmt: skip
    first = run()
    assert set(first["comparison"]["columns"]) == {"long", "all", "multi_shared home"}
    assert first["comparison"]["scores"]["giou"]["it"]["all"]["expressions"] == 3
    again = run()
    assert (again["merkle_root"], again["computed"]) == (first["merkle_root"], 0)
