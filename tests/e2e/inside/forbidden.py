"""Asks every service without the token, and writes where nobody may; prints what came of each."""

import json

import grpc

from synres.rpc.captioner.v1 import captioner_pb2, captioner_pb2_grpc
from synres.rpc.coordinator.v1 import coordinator_pb2, coordinator_pb2_grpc
from synres.rpc.generator.v1 import generator_pb2, generator_pb2_grpc
from synres.rpc.grouper.v1 import grouper_pb2, grouper_pb2_grpc
from synres.rpc.segmenter.v1 import segmenter_pb2, segmenter_pb2_grpc
from synres.rpc.trainer.v1 import trainer_pb2, trainer_pb2_grpc
from synres.settings import ClientSettings, load_settings

TRAIN = trainer_pb2.DescribeRequest(stage="train", backend="micro")
DESCRIBES = {
    "captioner": (captioner_pb2_grpc.CaptionerServiceStub, captioner_pb2.DescribeRequest(backend="micro")),
    "generator": (generator_pb2_grpc.GeneratorServiceStub, generator_pb2.DescribeRequest(backend="micro")),
    "segmenter": (segmenter_pb2_grpc.SegmenterServiceStub, segmenter_pb2.DescribeRequest(backend="micro")),
    "grouper": (grouper_pb2_grpc.GrouperServiceStub, grouper_pb2.DescribeRequest(backend="itag")),
    "trainer": (trainer_pb2_grpc.TrainerServiceStub, TRAIN),
}  # fmt: skip


def asked(address, stub, method, request, token):
    with grpc.insecure_channel(address) as channel:
        try:
            getattr(stub(channel), method)(
                request, timeout=60, metadata=[("authorization", f"Bearer {token}")] if token else []
            )
        except grpc.RpcError as error:
            return error.code().name
    return "OK"


def main() -> None:
    settings = load_settings(ClientSettings)
    calls = {name: (stub, "Describe", request) for name, (stub, request) in DESCRIBES.items()}
    calls["coordinator"] = (
        coordinator_pb2_grpc.CoordinatorServiceStub, "ListRuns", coordinator_pb2.ListRunsRequest()
    )  # fmt: skip
    said = {}
    for name, (stub, method, request) in calls.items():
        address = getattr(settings, f"{name}_address")
        said[name] = [asked(address, stub, method, request, token)
                      for token in ("", "guessed", settings.token.get_secret_value())]  # fmt: skip
    print(json.dumps(said))


if __name__ == "__main__":
    main()
