"""Trainings as the chart's values make them: the trainer reads its file, and the cluster takes its Jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from services.trainer.job_settings import JobSettings
from services.trainer.manifest import kubernetes_job
from synres.ports import ShardRequest
from tests.deploy.charts import PIPELINES, TOOLS, Object, job_settings, of_kind, render, run

REQUEST = ShardRequest("train", "ab" * 32, (), b"{}")


def _job(profile: str) -> Object:
    settings = JobSettings.model_validate(job_settings(render(profile)))
    return kubernetes_job(REQUEST, "ef" * 32, "s3://bucket", settings)


def test_every_field_of_the_chart_is_one_of_the_trainer() -> None:
    """By the trainer's names; it refuses strangers. What the chart leaves out has a default."""
    known = {field.alias for field in JobSettings.model_fields.values()}
    for profile in PIPELINES:
        settings = job_settings(render(profile))
        JobSettings.model_validate(settings)
        assert known - set(settings) <= {"maxJobs"}


@pytest.mark.parametrize("version", ["1.29", "1.35"])
def test_jobs_are_valid(version: str, tmp_path: Path) -> None:
    """Strictly, for every profile."""
    files = [tmp_path / f"{profile}.yaml" for profile in PIPELINES]
    for profile, file in zip(PIPELINES, files, strict=True):
        file.write_text(yaml.safe_dump(_job(profile)))
    ended = run(TOOLS / "kubernetes-validate", "--strict", "-k", version, *files)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_pods_of_jobs_are_as_restricted_as_the_others() -> None:
    """Restricted pods: no root, no privileges, no token, a root filesystem that nobody writes to."""
    for profile in PIPELINES:
        spec = _job(profile)["spec"]["template"]["spec"]
        (deployment,) = [
            each for name, each in of_kind(render(profile), "Deployment").items() if name == "captioner"
        ]
        other = deployment["spec"]["template"]["spec"]
        assert spec["securityContext"] == other["securityContext"]
        assert spec["containers"][0]["securityContext"] == other["containers"][0]["securityContext"]
        assert spec["automountServiceAccountToken"] is False
        assert "/dev/shm" in {mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
