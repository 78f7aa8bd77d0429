"""What the deployment says about training Jobs: one YAML file, in the words of Kubernetes where it has one.

Nothing in it can be set by a request: who may choose image, command, volumes or account may run anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from synres.errors import SettingInvalid

Json = dict[str, Any]


class JobSettings(BaseModel):
    """Fields without a comment are those of a Job, of its pods or of their container, as the API has them."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    namespace: str = Field(min_length=1, description="Where Jobs are made.")
    name_prefix: str = Field(
        pattern=r"^[a-z0-9]([a-z0-9-]{0,34}[a-z0-9])?$",
        description="How their names begin; their pods' names must stay host names.",
    )
    max_jobs: int = Field(default=32, gt=0, description="Jobs at a time; the pool or Kueue decides who runs.")
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    image: str = Field(min_length=1)
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = Field(default=(), description="Their names.")
    command: tuple[str, ...] = Field(
        default=("python", "-m", "services.trainer.job"),
        min_length=1,
        description="The program; the store's URL and the request's digest follow as its arguments.",
    )
    service_account_name: str = Field(min_length=1, description="One without rights; it gets no token.")
    nodes: int = Field(default=1, gt=0, description="Pods of a Job.")
    processes_per_node: int = Field(default=1, gt=0, description="Processes of a pod: one for each GPU.")
    subdomain: str = Field(default="", description="Headless Service under which the pods of a Job meet.")
    rendezvous_port: int = Field(default=29500, gt=0, lt=65536, description="Where they meet.")
    queue: str = Field(default="", description="Kueue's LocalQueue; empty: none.")
    backoff_limit: int = Field(
        default=3, ge=0, description="Failures before a Job fails; one may end all pods of a Job."
    )
    active_deadline_seconds: int = Field(default=604_800, gt=0)
    ttl_seconds_after_finished: int = Field(default=86_400, ge=0)
    termination_grace_period_seconds: int = Field(default=60, ge=0)
    node_selector: dict[str, str] = {}
    tolerations: tuple[Json, ...] = ()
    affinity: Json = {}
    priority_class_name: str = ""
    runtime_class_name: str = ""
    pod_security_context: Json = {}
    container_security_context: Json = {}
    resources: Json = {}
    env: tuple[Json, ...] = ()
    env_from: tuple[Json, ...] = ()
    volumes: tuple[Json, ...] = ()
    volume_mounts: tuple[Json, ...] = ()

    @model_validator(mode="after")
    def _pods_can_meet(self) -> Self:
        if self.nodes > 1 and not self.subdomain:
            raise ValueError("nodes above 1 need a subdomain, the headless Service under which they meet")
        return self


def load_job_settings(path: Path) -> JobSettings:
    """Raises SettingInvalid that names the file and the field."""
    try:
        return JobSettings.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        raise SettingInvalid(f"SYNRES_JOB_SETTINGS: cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingInvalid(f"SYNRES_JOB_SETTINGS: {path} is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SettingInvalid(f"SYNRES_JOB_SETTINGS: {path}: {field}: {first['msg']}") from error
