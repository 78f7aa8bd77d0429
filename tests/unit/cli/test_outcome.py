"""What is told of a run: numbers of a chain are that chain's, whatever else has its name."""

from __future__ import annotations

from services.cli.outcome import Outcome, outcome_json
from services.cli.results import Results
from synres.ledger.ledger import Ledger
from synres.ports import ShardResult
from synres.spec_yaml import parse_spec
from tests.fakes import MemoryStore

SPEC = """
synres: 1
name: twins
method:
  datasets: {real: {kind: microworld, split: train, scenes: 2}}
  synthesis:
    twin:
      dataset: real
      samples: 2
      caption: {backend: attributes}
      generate: {backend: procedural}
      segment: {backend: micro}
  arms:
    twin:
      backend: micro
      data: {synres: twin}
      mixture: {sem_seg: 0, refer_seg: 0, vqa: 0, reason_seg: 0}
      steps: 1
"""


def _result(rejected: int, **counts: int) -> ShardResult:
    return ShardResult("a", {}, counts, {}, rejections=(("item", "reason"),) * rejected)


def test_rejections_of_an_arm_are_not_those_of_a_chain_of_its_name() -> None:
    """Trainings and evaluations reject rows too."""
    records = {
        "caption/twin/00000": _result(1, out=2),
        "segment/twin/00000": _result(2, out=3),
        "train/twin": _result(10),
        "evaluate/twin/real": _result(20),
        "caption/twin2/00000": _result(40, out=9),
    }
    results = Results("run", parse_spec(SPEC), Ledger(MemoryStore()), records)
    facts = outcome_json(Outcome(results, {}, {}, None))["chains"]["twin"]
    assert (facts["rejected"], facts["samples"], facts["pictures"]) == (3, 2, 3)
