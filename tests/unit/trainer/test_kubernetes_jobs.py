"""Jobs of a cluster: what becomes of them, told in sentences, and what happens when it misbehaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client

from services.trainer.job_states import status_of
from services.trainer.kubernetes_api import KubernetesApi, own_account
from services.trainer.kubernetes_jobs import KubernetesJobs
from services.trainer.manifest import job_name
from synres.errors import InvalidInput, Overloaded, ServiceUnavailable, SettingInvalid, TrainingFailed
from synres.ledger.ledger import Ledger
from synres.ports import JobStatus, ShardRequest
from tests.fake_kubernetes import IMAGE, ROLE, FakeKubernetes
from tests.fake_kubernetes_server import NAMESPACE, serving
from tests.fakes import MemoryStore
from tests.trainings import has_ended, job_settings, wait_for

REQUEST = ShardRequest("train", "ab" * 32, (), b"{}", run="one")
NAME = job_name(REQUEST.action, job_settings())
CHART = Path(__file__).parents[3] / "helm" / "synres"
STEP = '{"done": 3, "whole": 6, "loss": 0.5, "message": "loss 0.500"}'
WORKS = f"echo '{STEP}'; exec sleep 600"


@pytest.fixture
def cluster() -> FakeKubernetes:
    return FakeKubernetes()


@pytest.fixture
def server(cluster: FakeKubernetes) -> Iterator[client.Configuration]:
    with serving(cluster) as server:
        yield server


@pytest.fixture
def api(server: client.Configuration) -> KubernetesApi:
    return KubernetesApi(NAMESPACE, server)


def _jobs(api: KubernetesApi, program: str = WORKS, **changes: Any) -> KubernetesJobs:
    """Over a store of their own; pods run `program` in a shell."""
    settings = job_settings(command=("sh", "-c", program), **changes)
    return KubernetesJobs(Ledger(MemoryStore()), settings, api)


def _at_work(status: JobStatus) -> bool:
    return "done" in status.facts


def test_progress_comes_from_the_pods_log(api: KubernetesApi) -> None:
    """The last line that is an object; what a library says after it does not matter."""
    jobs = _jobs(api, f"echo '{STEP}'; echo 'Warning: 17'; echo 42; exec sleep 600")
    jobs.submit(REQUEST)
    status = wait_for(jobs, REQUEST.action, _at_work)
    assert (status.state, status.progress, status.message) == ("running", 0.5, "loss 0.500")


def test_submitting_twice_makes_one_job(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """Another trainer, another run: still one, which both want."""
    first, second = _jobs(api), _jobs(api)
    for jobs, run in ((first, "one"), (second, "two")):
        jobs.submit(replace(REQUEST, run=run))
    assert len(cluster.created) == 1
    first.cancel(REQUEST.action, "one")
    assert NAME in cluster.jobs
    first.cancel(REQUEST.action, "two")
    assert NAME not in cluster.jobs


class MadeMeanwhile(KubernetesApi):
    """Another trainer makes the Job just before this one does."""

    def create_job(self, job: dict[str, Any]) -> bool:
        super().create_job(job)
        return super().create_job(job)


class WantedMeanwhile(KubernetesApi):
    """Another run asks for the Job just before it is deleted."""

    def delete_job(self, job: dict[str, Any]) -> bool:
        self.annotate_job(job["metadata"]["name"], {"wanted-by.synres/other": "other"})
        return super().delete_job(job)


def test_the_loser_of_a_race_wants_the_winners_job(
    server: client.Configuration, cluster: FakeKubernetes
) -> None:
    """AlreadyExists is no error."""
    _jobs(MadeMeanwhile(NAMESPACE, server)).submit(REQUEST)
    assert len(cluster.created) == 1


def test_a_job_that_is_wanted_again_is_not_deleted(
    server: client.Configuration, cluster: FakeKubernetes
) -> None:
    """The delete names the version of the Job that nobody wanted."""
    jobs = _jobs(WantedMeanwhile(NAMESPACE, server))
    jobs.submit(REQUEST)
    jobs.cancel(REQUEST.action, "one")
    assert NAME in cluster.jobs


def test_an_evicted_pod_is_replaced_and_counts_for_nothing(
    api: KubernetesApi, cluster: FakeKubernetes
) -> None:
    """Whatever backoffLimit is, the Job goes on with another pod."""
    jobs = _jobs(api, backoff_limit=0)
    jobs.submit(REQUEST)
    wait_for(jobs, REQUEST.action, _at_work)
    cluster.evict(NAME)
    cluster.wait_for_pods(2)
    assert wait_for(jobs, REQUEST.action, _at_work).state == "running"


def test_a_final_error_is_not_tried_again(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """A bad spec's exit code ends the Job with its first pod; code and sentence arrive."""
    jobs = _jobs(api, 'echo \'{"code": "INVALID_INPUT", "message": "no such part"}\'; exit 2')
    jobs.submit(REQUEST)
    failed = wait_for(jobs, REQUEST.action, has_ended)
    assert (failed.state, failed.code, failed.message) == ("failed", InvalidInput.code, "no such part")
    assert len(cluster.pods) == 1


def test_a_crash_is_tried_again_until_the_limit(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """backoffLimit times, then the training has failed; the next submit makes a new Job."""
    jobs = _jobs(api, "exit 1", backoff_limit=2)
    jobs.submit(REQUEST)
    failed = wait_for(jobs, REQUEST.action, has_ended)
    assert (failed.code, len(cluster.pods)) == (TrainingFailed.code, 3)
    assert "exit code 1" in failed.message
    jobs.submit(REQUEST)
    assert len(cluster.created) == 2


@pytest.mark.parametrize(
    ("exit_code", "reason", "said"),
    [(137, "OOMKilled", "out of memory"), (137, "Error", "signal 9"), (1, "Error", "exit code 1")],
)
def test_the_cause_of_death_is_told(
    api: KubernetesApi, cluster: FakeKubernetes, exit_code: int, reason: str, said: str
) -> None:
    """As the node saw it."""
    jobs = _jobs(api, backoff_limit=0)
    jobs.submit(REQUEST)
    cluster.end_pods(NAME, exit_code, reason)
    status = jobs.status(REQUEST.action)
    assert (status.state, status.code) == ("failed", TrainingFailed.code)
    assert said in status.message


def test_a_deadline_that_passed_is_told(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """With the setting that says how long."""
    jobs = _jobs(api, active_deadline_seconds=60)
    jobs.submit(REQUEST)
    cluster.pass_deadline(NAME)
    assert "longer than activeDeadlineSeconds, 60" in jobs.status(REQUEST.action).message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"image": "synres-trainer:gone"},
            "image synres-trainer:gone cannot be pulled; see training.image and imagePullSecrets: Back-off",
        ),
        ({"resources": {"limits": {"nvidia.com/gpu": 8}}}, "nodeSelector and tolerations: 0/1 nodes"),
        ({"queue": "gpus"}, "suspended: its queue has not let it go yet"),
    ],
)
def test_a_job_that_waits_says_what_for(api: KubernetesApi, changes: dict[str, Any], said: str) -> None:
    """It runs as far as the run is concerned: images and nodes may come."""
    jobs = _jobs(api, **changes)
    jobs.submit(REQUEST)
    status = jobs.status(REQUEST.action)
    assert status.state == "running"
    assert said in status.message


def test_a_queue_that_lets_go_starts_the_training(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """Pods are made once the Job is no longer suspended."""
    jobs = _jobs(api, queue="gpus")
    jobs.submit(REQUEST)
    assert not cluster.pods
    cluster.let_go(NAME)
    assert wait_for(jobs, REQUEST.action, _at_work).progress == 0.5


class WithoutTorchrun(KubernetesApi):
    """A shell gets the launcher's command line as its words, and does what `program` says."""

    program = (
        'while [ "$1" != --node-rank=0 ] && [ "$1" != --node-rank=1 ]; do shift; done\n'
        f"[ \"$1\" = --node-rank=1 ] && echo '{{\"done\": 1}}' || echo '{STEP}'; exec sleep 600"
    )

    def create_job(self, job: dict[str, Any]) -> bool:
        container = job["spec"]["template"]["spec"]["containers"][0]
        container["command"] = ["sh", "-c", self.program, *container["command"]]
        return super().create_job(job)


def test_several_nodes_are_several_pods(server: client.Configuration, cluster: FakeKubernetes) -> None:
    """Each with its index; the Job is over when all are, and pod 0 tells of the progress."""
    jobs = _jobs(WithoutTorchrun(NAMESPACE, server), nodes=2, subdomain="s")
    jobs.submit(REQUEST)
    assert len(cluster.pods) == 2
    assert wait_for(jobs, REQUEST.action, _at_work).progress == 0.5


def test_an_api_that_is_away_is_no_failed_training(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """Every call says that nobody answers; afterwards the job is where it was."""
    jobs = _jobs(api)
    jobs.submit(REQUEST)
    cluster.down = True
    assert not api.is_there()
    for call in (lambda: jobs.submit(REQUEST), lambda: jobs.status(REQUEST.action)):
        with pytest.raises(ServiceUnavailable, match="Kubernetes API"):
            call()
    cluster.down = False
    assert api.is_there()
    assert jobs.status(REQUEST.action).state == "running"


def test_an_api_that_nobody_listens_at_is_away_too() -> None:
    """A refused connection is told like a server that is not well."""
    away = KubernetesApi("synres", client.Configuration(host="http://127.0.0.1:9"))
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        away.job("any")


def test_missing_rights_are_told_with_the_mend(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """The Role is the chart's; a run stops at once instead of trying for ever."""
    cluster.allowed.remove(("create", "jobs"))
    with pytest.raises(SettingInvalid, match=r"chart's Role.*cannot create"):
        _jobs(api).submit(REQUEST)
    assert api.is_there()


def test_a_full_quota_is_come_back_later(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """Nobody is to blame, and nothing is counted."""
    cluster.job_quota = 0
    with pytest.raises(Overloaded, match="exceeded quota"):
        _jobs(api).submit(REQUEST)


def test_the_chart_allows_what_is_needed(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """Nothing beyond `ROLE` is asked, all of it is, and the chart's Role for the trainer holds it."""
    jobs = _jobs(api, "exit 1", backoff_limit=0)
    jobs.submit(REQUEST)
    wait_for(jobs, REQUEST.action, has_ended)
    jobs.submit(REQUEST)
    jobs.cancel(REQUEST.action, "one")
    assert cluster.asked == ROLE
    text = (CHART / "templates" / "rbac.yaml").read_text()
    rules = yaml.safe_load(text[text.index("rules:") :].partition("---")[0])["rules"]
    held = {(verb, resource) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    assert held >= ROLE


def test_what_the_image_is_comes_from_the_settings(api: KubernetesApi, cluster: FakeKubernetes) -> None:
    """The Job that arrives at the server has it."""
    _jobs(api).submit(REQUEST)
    assert cluster.created[0]["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE


def test_the_account_of_the_token_owns_the_jobs(
    cluster: FakeKubernetes, api: KubernetesApi, tmp_path: Path
) -> None:
    """A pod's token says whose it is; whoever deletes the account deletes the Jobs."""
    claims = {"kubernetes.io": {"serviceaccount": {"name": "trainer", "uid": "u-1"}, "namespace": NAMESPACE}}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    (tmp_path / "token").write_text(f"head.{payload}.signature")
    owners = own_account(tmp_path / "token")
    jobs = KubernetesJobs(Ledger(MemoryStore()), job_settings(command=("sh", "-c", "true")), api, owners)
    jobs.submit(REQUEST)
    (job,) = cluster.jobs.values()
    wanted = {"apiVersion": "v1", "kind": "ServiceAccount", "name": "trainer", "uid": "u-1"}
    assert job["metadata"]["ownerReferences"] == [wanted]


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c"])
def test_a_token_of_another_kind_owns_nothing(token: str, tmp_path: Path) -> None:
    """Nor does one that is not there."""
    (tmp_path / "token").write_text(token)
    assert own_account(tmp_path / "token") == own_account(tmp_path / "none") == []


def test_a_pod_that_only_begins_is_waited_for() -> None:
    """Placed on a node, its image there, its container not yet made: nothing is wrong with it."""
    job = {"metadata": {"name": NAME}, "spec": {}}
    pod = {
        "metadata": {},
        "status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]},
    }
    assert status_of(job, [pod], {}) == JobStatus("running", message="the pod starts")
