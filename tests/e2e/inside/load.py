"""Calls the segmenter from several threads until the file `stop` is there; prints how many calls ended how.

Two by gRPC to every pod behind the headless name, two by HTTP to the Service's one address: one keeps its
connection for as long as the server lets it, one makes a new one for each call. None asks a second time.
"""

import json
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import urllib3

from synres.data.images import encode_png
from synres.domain.choice import choose
from synres.errors import SynresError
from synres.microworld.datasets import benchmark
from synres.rpc.client import SegmenterClient
from synres.settings import ClientSettings, load_settings

PAUSE_S, LONGEST_S, TIMEOUT_S = 0.02, 300.0, 30.0


class Load:
    def __init__(self, stop):
        self.counts, self.slowest_s = Counter(), Counter()
        self._stop, self._began_s = Path(stop), time.monotonic()

    def call(self, kind, ask):
        while not self._stop.exists() and time.monotonic() - self._began_s < LONGEST_S:
            start_s = time.monotonic()
            self.counts[f"{kind} {ask()}"] += 1
            self.slowest_s[kind] = max(self.slowest_s[kind], time.monotonic() - start_s)
            time.sleep(PAUSE_S)

    def report(self):
        seconds = time.monotonic() - self._began_s
        return {"counts": self.counts, "seconds": seconds, "slowest_s": self.slowest_s}


def by_grpc(client, image, expressions):
    try:
        client.segment(choose("micro", "", {}), image, expressions)
    except SynresError as error:
        return f"{error.code}: {error.message}"
    return "ok"


def by_http(pool, url, headers, fields):
    try:
        answer = pool.request("POST", url, fields=fields, headers=headers, retries=False)
    except urllib3.exceptions.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    return "ok" if answer.status == 200 else f"{answer.status}: {answer.data[:300]!r}"


def main(stop: str) -> None:
    settings = load_settings(ClientSettings)
    token, address = settings.token.get_secret_value(), settings.segmenter_address
    picture = next(benchmark(3, "dev", 1))
    expressions = [each.expression for each in picture.expressions][:2]
    fields = [("image", ("a.png", encode_png(picture.image)))]
    fields += [("expressions", expression) for expression in expressions]
    url = f"http://{address.replace('-segmenter:50053', '-endpoint:8080')}/v1/segment"
    kept, pool = {"authorization": f"Bearer {token}"}, urllib3.PoolManager(timeout=TIMEOUT_S)
    with SegmenterClient(f"dns:///{address}", token, TIMEOUT_S) as client:
        grpc = partial(by_grpc, client, picture.image, expressions)
        asks = {
            "grpc": [grpc, grpc],
            "http": [partial(by_http, pool, url, kept, fields)],
            "http, new connections": [partial(by_http, pool, url, kept | {"connection": "close"}, fields)],
        }
        load = Load(stop)
        threads = [threading.Thread(target=load.call, args=(kind, ask))
                   for kind, several in asks.items() for ask in several]  # fmt: skip
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(json.dumps(load.report()))


if __name__ == "__main__":
    main(sys.argv[1])
