"""Writes a picture of the micro world, and prints an expression for something in it."""

import sys
from pathlib import Path

from synres.data.images import encode_png
from synres.microworld.datasets import benchmark


def main(target: str) -> None:
    picture = next(benchmark(3, "dev", 1))
    Path(target).write_bytes(encode_png(picture.image))
    print(picture.expressions[0].expression)


if __name__ == "__main__":
    main(sys.argv[1])
