"""Makes the shipped micro weights again: `python -m tools.micro_weights [part ...]`, all parts by default.

The audit classifier comes first, since it judges the others. Another processor gives other bytes; the
weights are judged by the bounds of the tests and not by their digests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

PARTS = ("audit", "res", "captioner", "generator")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    parts = parser.parse_args().parts or PARTS
    for part in parts:
        if part not in PARTS:
            parser.error(f'there is no part "{part}"; there is {", ".join(PARTS)}')
    for part in parts:
        print(f"== {part}", flush=True)
        subprocess.run([sys.executable, "-m", f"tools.micro_{part}"], check=True)


if __name__ == "__main__":
    main()
