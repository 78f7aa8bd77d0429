"""Makes the shipped micro weights again: `python -m tools.micro_weights [part ...]`, all parts by default.

The audit classifier comes first, since it judges the others. Another processor gives other bytes; so the
weights are judged by the bounds of their tests, which run at the end, and not by their digests.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

PARTS = {
    "audit": "tests/unit/models/test_micro_audit.py",
    "res": "tests/unit/models/test_micro.py",
    "captioner": "tests/unit/captioner/test_micro.py",
    "generator": "tests/unit/generator/test_micro.py",
}
"""Part -> the tests that hold its accuracy to bounds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}")
    parts = parser.parse_args().parts or list(PARTS)
    for part in parts:
        if part not in PARTS:
            parser.error(f'there is no part "{part}"; there is {", ".join(PARTS)}')
    for part in parts:
        print(f"== {part}", flush=True)
        subprocess.run([sys.executable, "-m", f"tools.micro_{part}"], check=True)
    print("== bounds", flush=True)
    tests = [PARTS[part] for part in parts]
    raise SystemExit(subprocess.run([sys.executable, "-m", "pytest", "-q", *tests], check=False).returncode)


if __name__ == "__main__":
    main()
