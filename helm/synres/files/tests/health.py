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
        sys.exit(
            f"not serving: {', '.join(silent)}; `kubectl get pods` says what their pods wait for"
            " (ImagePullBackOff: the image's name or its pull secret; Pending: room or a GPU on a node;"
            " CreateContainerConfigError: a Secret; CrashLoopBackOff: their last words), and"
            " `kubectl describe pod` why"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
