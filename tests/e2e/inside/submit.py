"""Hands a spec to the coordinator and waits for its end, however often that dies; prints how it goes."""

import json
import sys
import time
from pathlib import Path

from synres.errors import ServiceUnavailable, StoreUnavailable
from synres.rpc.channel import Connection
from synres.rpc.coordinator.v1 import coordinator_pb2 as pb
from synres.rpc.coordinator.v1 import coordinator_pb2_grpc
from synres.settings import ClientSettings, load_settings

LONGEST_S = 900.0


def main(spec_file: str) -> None:
    settings = load_settings(ClientSettings)
    token = settings.token.get_secret_value() if settings.token else None
    deadline_s = time.monotonic() + LONGEST_S
    with Connection(settings.coordinator_address, token, timeout_s=30.0) as connection:
        coordinator = coordinator_pb2_grpc.CoordinatorServiceStub(connection.channel)

        def ask(method, request):
            while time.monotonic() < deadline_s:
                try:
                    return connection.call(method, request)
                except (ServiceUnavailable, StoreUnavailable) as error:
                    print(error.message, file=sys.stderr, flush=True)
                    time.sleep(1.0)
            sys.exit("the coordinator stayed away")

        spec = Path(spec_file).read_text()
        run, last = ask(coordinator.SubmitRun, pb.SubmitRunRequest(spec=spec)).run, ""
        while time.monotonic() < deadline_s:
            found = ask(coordinator.GetRun, pb.GetRunRequest(run=run)).run
            line = json.dumps(facts(found))
            if line != last:
                print(line, flush=True)
            if found.state == pb.RUN_STATE_COMMITTED:
                return
            last = line
            time.sleep(1.0)


def facts(found):
    return {
        "run": found.run,
        "done": {stage.stage: stage.done for stage in found.stages},
        "quarantined": sum(stage.quarantined for stage in found.stages),
        "root": found.merkle_root,
    }


if __name__ == "__main__":
    main(sys.argv[1])
