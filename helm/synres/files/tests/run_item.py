"""One sample through all four stages: the coordinator is asked for it, and must commit it."""

import sys
import time
from pathlib import Path

from synres.rpc.channel import Connection
from synres.rpc.coordinator.v1 import coordinator_pb2 as pb
from synres.rpc.coordinator.v1 import coordinator_pb2_grpc
from synres.settings import ClientSettings, load_settings

LONGEST_S = 240.0  # `helm test` gives up after 300 s, without a word


def main() -> None:
    settings = load_settings(ClientSettings)
    token = settings.token.get_secret_value() if settings.token else None
    spec = Path(__file__).with_name("item.yaml").read_text()
    # another seed each time: what was computed before would be answered from the ledger
    spec = spec.replace("seed: 0", f"seed: {int(time.time())}")
    with Connection(settings.coordinator_address, token, timeout_s=60.0) as connection:
        coordinator = coordinator_pb2_grpc.CoordinatorServiceStub(connection.channel)
        run = connection.call(coordinator.SubmitRun, pb.SubmitRunRequest(spec=spec)).run
        deadline_s = time.monotonic() + LONGEST_S
        found = connection.call(coordinator.GetRun, pb.GetRunRequest(run=run)).run
        while found.state == pb.RUN_STATE_RUNNING and time.monotonic() < deadline_s:
            time.sleep(1.0)
            found = connection.call(coordinator.GetRun, pb.GetRunRequest(run=run)).run
    if found.state != pb.RUN_STATE_COMMITTED:
        sys.exit(f"run {run} is {pb.RunState.Name(found.state)}: {found.message or found.stages}")


if __name__ == "__main__":
    main()
