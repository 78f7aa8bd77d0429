"""Asks every service, given as host:port, whether it serves; says which do not."""

import sys

from synres.rpc.channel import Connection


def main(addresses: list[str]) -> None:
    silent = []
    for address in addresses:
        with Connection(address) as connection:
            if not connection.is_serving():
                silent.append(address)
    if silent:
        sys.exit(f"not serving: {', '.join(silent)}; `kubectl get pods` and their logs say why")


if __name__ == "__main__":
    main(sys.argv[1:])
