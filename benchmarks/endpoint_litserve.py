"""What benchmarks/endpoint.py asks for, served by LitServe; needs litserve beside this project's packages.

python -m benchmarks.endpoint_litserve PORT
"""

from __future__ import annotations

import base64
import sys
from typing import Any

import litserve

from benchmarks.endpoint_model import BATCH, answer, load_micro


class MicroApi(litserve.LitAPI):
    """A picture as base64 in JSON, as LitServe's own examples send it."""

    def setup(self, device: str) -> None:
        self._model = load_micro()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["image"])

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        return inputs

    def predict(self, files: list[bytes]) -> list[dict[str, Any]]:
        return answer(self._model, files)

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        return output


if __name__ == "__main__":
    api = MicroApi(max_batch_size=BATCH, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
