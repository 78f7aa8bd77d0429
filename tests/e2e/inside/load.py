"""Calls Segment from several threads until the file `stop` is there; prints how many calls ended how."""

import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from synres.domain.choice import choose
from synres.errors import SynresError
from synres.microworld.datasets import benchmark
from synres.rpc.client import SegmenterClient
from synres.settings import ClientSettings, load_settings

THREADS, PAUSE_S, LONGEST_S = 4, 0.02, 300.0


def main(stop: str) -> None:
    settings = load_settings(ClientSettings)
    token = settings.token.get_secret_value() if settings.token else None
    picture = next(benchmark(3, "dev", 1))
    expressions = [each.expression for each in picture.expressions][:2]
    counts, slowest_s, began_s = Counter(), [0.0], time.monotonic()

    def call_on(client):
        while not Path(stop).exists() and time.monotonic() - began_s < LONGEST_S:
            start_s = time.monotonic()
            try:
                client.segment(choose("micro", "", {}), picture.image, expressions)
                counts["ok"] += 1
            except SynresError as error:
                counts[f"{error.code}: {error.message}"] += 1
            slowest_s[0] = max(slowest_s[0], time.monotonic() - start_s)
            time.sleep(PAUSE_S)

    with SegmenterClient(f"dns:///{settings.segmenter_address}", token, 30.0) as client:
        threads = [threading.Thread(target=call_on, args=(client,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(json.dumps({"counts": counts, "seconds": time.monotonic() - began_s, "slowest_s": slowest_s[0]}))


if __name__ == "__main__":
    main(sys.argv[1])
