"""What the chart does with Secrets that are there, or are not: helm asks a small API server."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import yaml

from tests.deploy.api_server import Secrets, serving
from tests.deploy.charts import CHART, TOOLS, Object, of_kind, run

S3 = {"access-key": "a", "secret-key": "b"}
TOKEN = {"token": "t"}
HELMS = pytest.mark.parametrize("helm", ["helm3", "helm4"])


def _render(secrets: Secrets, *values: str, helm: str = "helm4") -> tuple[Object, ...]:
    given = [argument for value in values for argument in ("--set-json", value)]
    with serving(secrets) as url:
        ended = run(
            TOOLS / helm, "template", "r", CHART, "--namespace", "ns", "--dry-run=server",
            "--disable-openapi-validation", "--is-upgrade",
            "--kube-apiserver", url, *given,
        )  # fmt: skip
    if ended.returncode:
        raise ValueError(ended.stderr)
    return tuple(each for each in yaml.safe_load_all(ended.stdout) if each)


def _annotations(objects: tuple[Object, ...]) -> dict[str, Any]:
    return dict(of_kind(objects, "Deployment")["grouper"]["spec"]["template"]["metadata"]["annotations"])


@HELMS
def test_a_missing_secret_is_said_before_anything_is_installed(helm: str) -> None:
    """With the command that makes it; a pod would wait for it in silence."""
    with pytest.raises(
        ValueError, match="Secret r-synres-token has no key token: kubectl -n ns create"
    ) as told:
        _render({"r-synres-s3": {"access-key": "a"}}, helm=helm)
    assert "Secret r-synres-s3 has no key secret-key: " in str(told.value)


@HELMS
def test_with_its_secrets_it_is_installed(helm: str) -> None:
    """Under the names that are default, and under those of values."""
    assert _render({"r-synres-s3": S3, "r-synres-token": TOKEN}, helm=helm)
    values = ('auth.existingSecret="mine"', "storage.s3.useIAM=true")
    assert _render({"mine": TOKEN}, *values, helm=helm)


def test_secrets_may_come_later() -> None:
    """Where somebody else makes them."""
    assert _render({}, "checkSecrets=false")


def test_another_secret_is_another_pod() -> None:
    """A changed token reaches the pods at the next upgrade."""
    one, two = (
        _annotations(_render({"r-synres-s3": S3, "mine": {"token": token}}, 'auth.existingSecret="mine"'))
        for token in ("a", "b")
    )
    assert one["checksum/secrets"] != two["checksum/secrets"]


def test_a_trial_keeps_the_keys_it_has_drawn() -> None:
    """At the first installation they are random, afterwards they stay, and no pod starts anew for them."""
    first = _render({}, "devStorage.enabled=true")
    drawn = {each["metadata"]["name"]: each["data"] for each in first if each["kind"] == "Secret"}
    assert set(drawn) == {"r-synres-s3", "r-synres-token"}
    assert len(base64.b64decode(drawn["r-synres-token"]["token"])) == 32
    text = {
        name: {key: base64.b64decode(value).decode() for key, value in data.items()}
        for name, data in drawn.items()
    }
    second = _render(text, "devStorage.enabled=true")
    assert {each["metadata"]["name"]: each["data"] for each in second if each["kind"] == "Secret"} == drawn
    assert _annotations(first) == _annotations(second)
