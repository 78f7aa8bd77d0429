"""What the trainer asks of the Kubernetes API: Jobs, their pods and logs, as plain JSON. Nothing is kept.

The client library brings certificates, tokens that rotate and kubeconfig; its typed models stay out, since
they refuse answers of servers that are older or newer than they are.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kubernetes import client, config
from urllib3.exceptions import HTTPError

from services.trainer.job_settings import Json
from synres.errors import Overloaded, ServiceUnavailable, SettingInvalid, SynresError

_TIMEOUT_S = (5.0, 20.0)
_QUOTA_RETRY_S = 15.0
_BUSY_RETRY_S = 2.0
_JSON, _MERGE = "application/json", "application/merge-patch+json"
_IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class KubernetesApi:
    """Needs: create, get, list, patch and delete of Jobs, list of Pods, get of Pods' logs, in `namespace`.

    Every method may raise ServiceUnavailable (no answer), Overloaded (a quota, or too many calls) and
    SettingInvalid (the deployment's rights or Job settings are wrong).
    """

    def __init__(self, namespace: str, configuration: client.Configuration | None = None) -> None:
        self._client = client.ApiClient(configuration or _found_configuration())
        self._jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"

    def is_there(self) -> bool:
        """False while nobody answers."""
        try:
            self._call("GET", self._jobs, {"limit": "1"})
        except (ServiceUnavailable, Overloaded):
            return False
        except SettingInvalid:
            # whoever submits a job is told
            return True
        return True

    def create_job(self, job: Json) -> bool:
        """True if this call made it, False if one of its name is there."""
        return self._call("POST", self._jobs, body=job) is not None

    def job(self, name: str) -> Json | None:
        return self._object("GET", f"{self._jobs}/{name}")

    def jobs(self, selector: str) -> list[Json]:
        """Those that carry the labels."""
        return list(self._list(self._jobs, selector))

    def annotate_job(self, name: str, annotations: Mapping[str, str | None]) -> Json | None:
        """The Job as it is then, None if there is none; None as a value removes an annotation."""
        body = {"metadata": {"annotations": annotations}}
        return self._object("PATCH", f"{self._jobs}/{name}", body)

    def delete_job(self, job: Json) -> bool:
        """With its pods; True unless somebody changed it since it was read as `job`."""
        seen = {field: job["metadata"][field] for field in ("uid", "resourceVersion")}
        body = {"propagationPolicy": "Background", "preconditions": seen}
        name = job["metadata"]["name"]
        return self._call("DELETE", f"{self._jobs}/{name}", body=body, missing=b"") is not None

    def pods(self, job: Json) -> list[Json]:
        """Those of this very Job, and not of one that had its name before."""
        return list(self._list(self._pods, f"controller-uid={job['metadata']['uid']}"))

    def log(self, pod: Json, max_bytes: int, lines: int = 20) -> bytes:
        """The end of what its container said, at least the last line; empty before it has started."""
        query = {"tailLines": str(lines), "limitBytes": str(20 * max_bytes)}
        path = f"{self._pods}/{pod['metadata']['name']}/log"
        answer = self._call("GET", path, query, missing=b"", waiting=b"")
        return (answer or b"")[-max_bytes:]

    def _object(self, method: str, path: str, body: Json | None = None) -> Json | None:
        answer = self._call(method, path, body=body, missing=b"null")
        if answer is None:
            raise Overloaded("others change the same Job", _BUSY_RETRY_S)
        return None if answer == b"null" else dict(json.loads(answer))

    def _list(self, path: str, selector: str) -> list[Json]:
        answer = self._call("GET", path, {"labelSelector": selector})
        return list(json.loads(answer or b"{}").get("items") or ())

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Json | None = None,
        missing: bytes | None = None,
        waiting: bytes | None = None,
    ) -> bytes | None:
        """The answer; None for a conflict, `missing` for what is not there, `waiting` for a log to come."""
        try:
            request = self._client.param_serialize(
                method,
                path,
                query_params=list((query or {}).items()),
                header_params={"Accept": "*/*", "Content-Type": _MERGE if method == "PATCH" else _JSON},
                body=body,
                auth_settings=["BearerToken"],
            )
            response = self._client.call_api(*request, _request_timeout=_TIMEOUT_S)
            answer: bytes = response.read()
        except (HTTPError, client.ApiException) as error:
            raise ServiceUnavailable(f"the Kubernetes API does not answer: {error}") from error
        if response.status < 300:
            return answer
        if response.status == 409:
            return None
        if response.status == 404 and missing is not None:
            return missing
        if response.status == 400 and waiting is not None:
            return waiting
        raise _error_of(response.status, _message_of(answer))


def own_account(token_file: Path = _IN_CLUSTER) -> list[Json]:
    """The account that the pod's token is of, as the owner of what it makes: when an uninstallation deletes
    the account, the cluster deletes its Jobs. Empty outside of a cluster, and for tokens of other kinds.
    """
    if not token_file.exists():
        return []
    try:
        claims = token_file.read_text().split(".")[1]
        account = json.loads(base64.urlsafe_b64decode(claims + "=="))["kubernetes.io"]["serviceaccount"]
        owner = {"name": account["name"], "uid": account["uid"]}
    except (ValueError, LookupError, TypeError):
        return []
    return [{"apiVersion": "v1", "kind": "ServiceAccount", **owner}]


def _found_configuration() -> client.Configuration:
    """Of the pod's service account, else of kubeconfig. Raises SettingInvalid when there is neither."""
    found = client.Configuration()
    try:
        if _IN_CLUSTER.exists():
            config.load_incluster_config(client_configuration=found)
        else:
            config.load_kube_config(client_configuration=found)
    except config.ConfigException as error:
        raise SettingInvalid(
            f"SYNRES_JOB_SETTINGS wants Jobs, and no cluster is known here: {error}; run in a pod with a"
            " service account's token, or set KUBECONFIG"
        ) from error
    return found


def _message_of(answer: bytes) -> str:
    try:
        status: Any = json.loads(answer)
    except ValueError:
        status = None
    return str(status.get("message", "")) if isinstance(status, dict) else answer.decode(errors="replace")


def _error_of(status: int, message: str) -> SynresError:
    if status == 403 and "exceeded quota" in message:
        return Overloaded(f"the namespace's quota is full: {message}", _QUOTA_RETRY_S)
    if status in (401, 403):
        return SettingInvalid(
            f"Kubernetes refuses the trainer; its account needs the chart's Role: {message}"
        )
    if status == 429:
        return Overloaded(f"the Kubernetes API is busy: {message}", _BUSY_RETRY_S)
    if status >= 500:
        return ServiceUnavailable(f"the Kubernetes API failed with {status}: {message}")
    return SettingInvalid(f"Kubernetes does not take what the Job settings make: {message}")
