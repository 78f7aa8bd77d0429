"""kubectl and helm on the cluster that KUBECONFIG names, in a namespace that is the tests' own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]
RELEASE, NAMESPACE = "e2e", "synres-e2e"
COMPONENT = "app.kubernetes.io/component"
INSIDE = Path(__file__).parent / "inside"
TAG = os.environ.get("TAG", "0.1.0")
LONGEST_S = 600.0
FIGURES: list[str] = []
"""What was measured: printed when all tests are over."""


class Failed(Exception):
    """A command that ended with another code than 0; the text is what it said."""


def run(*command: str | Path, given: str = "", timeout_s: float = LONGEST_S) -> str:
    """What it said on stdout. Raises Failed."""
    ended = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=timeout_s
    )
    if ended.returncode:
        raise Failed(f"{' '.join(map(str, command))}: {ended.stderr or ended.stdout}")
    return ended.stdout


def kubectl(*arguments: str, given: str = "", timeout_s: float = LONGEST_S) -> str:
    return run("kubectl", "--namespace", NAMESPACE, *arguments, given=given, timeout_s=timeout_s)


def objects(kind: str, selector: str = "") -> list[Json]:
    found: list[Json] = json.loads(kubectl("get", kind, "--selector", selector, "--output", "json"))["items"]
    return found


def pods(component: str) -> list[Json]:
    """Those that nobody has told to go."""
    found = objects("pods", f"{COMPONENT}={component}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: Json) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def names(found: list[Json]) -> list[str]:
    return [each["metadata"]["name"] for each in found]


def wait_for(what: str, condition: Callable[[], Any], longest_s: float = LONGEST_S) -> Any:
    """The condition's first answer that counts as true."""
    deadline_s = time.monotonic() + longest_s
    while time.monotonic() < deadline_s:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.5)
    raise AssertionError(f"waited {longest_s:.0f} s for {what}; pods: {kubectl('get', 'pods')}")


def rolled_out(*components: str) -> None:
    """Every pod of these Deployments is new and ready."""
    for component in components:
        kubectl("rollout", "status", f"deployment/{RELEASE}-synres-{component}", "--timeout=300s")


def kill(pod: str) -> None:
    """Without its grace period; its name is free at once."""
    kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--wait=false")


def in_pod(pod: str, *command: str, timeout_s: float = LONGEST_S) -> str:
    return kubectl("exec", pod, "--", *command, timeout_s=timeout_s)


@contextmanager
def in_background(pod: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A command in a pod, while the block runs."""
    whole = ["kubectl", "--namespace", NAMESPACE, "exec", pod, "--", *command]
    with subprocess.Popen(whole, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def saying(pod: str, command: Sequence[str], words: str, longest_s: float) -> Iterator[subprocess.Popen[str]]:
    """A command in a pod that says these words in time; it is interrupted when the block is over."""
    script = 'echo $$; exec "$@" 2>&1'
    began_s, heard = time.monotonic(), io.StringIO()
    with in_background(pod, "sh", "-c", script, "sh", *command) as process:
        threading.Thread(target=_listen, args=(process, heard), daemon=True).start()
        try:
            wait_for(f"{words!r}", lambda: words in heard.getvalue(), longest_s)
            FIGURES.append(f"{' '.join(command[:2])} said after {time.monotonic() - began_s:.0f} s: {words}")
            yield process
        finally:
            print(heard.getvalue())
            if process.poll() is None:
                in_pod(pod, "sh", "-c", f"kill -INT {heard.getvalue().split()[0]}")
                process.wait(LONGEST_S)


def _listen(process: subprocess.Popen[str], heard: io.StringIO) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        heard.write(line)
