"""Runs a spec with the embedded executor, in one process of this image; prints the Merkle root."""

import sys
from pathlib import Path

from services.cli.executors import executor_of
from services.coordinator.run import run_spec
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.spec_yaml import load_spec


def main(spec_file: str, folder: str) -> None:
    spec, store = load_spec(Path(spec_file)), FileStore(Path(folder))
    with executor_of(spec, Ledger(store)) as executor:
        print(run_spec(spec, store, executor).merkle_root)


if __name__ == "__main__":
    main(*sys.argv[1:])
