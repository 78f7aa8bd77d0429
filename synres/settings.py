"""The only reader of environment variables; each field is one: `s3_timeout_s` is `SYNRES_S3_TIMEOUT_S`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from synres.errors import SettingInvalid


def _checked_token(token: SecretStr) -> SecretStr:
    """Without the newline that secrets in files end with; ValueError for what no header can carry."""
    text = token.get_secret_value().strip()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("a token is printable ASCII without spaces, and not empty")
    return SecretStr(text)


Token = Annotated[SecretStr, AfterValidator(_checked_token)]


class StoreSettings(BaseSettings):
    """Where artifacts lie, and how to reach them."""

    model_config = SettingsConfigDict(env_prefix="SYNRES_", extra="ignore", frozen=True)

    store_url: str = Field(default="synres-store", description="A folder, or s3://bucket/prefix.")
    s3_endpoint: str = Field(default="s3.amazonaws.com", description="host or host:port of the S3 service.")
    s3_tls: bool = Field(
        default=True, description="False speaks plain HTTP, for a store on the same machine."
    )
    s3_access_key: str | None = Field(
        default=None,
        description="Access key; without it, the credentials of the pod or machine role are used.",
    )
    s3_secret_key: SecretStr | None = Field(default=None, description="Secret of `s3_access_key`.")
    s3_region: str = Field(default="us-east-1", description="Region named in signatures.")
    s3_path_style: bool | None = Field(
        default=None,
        description="The bucket in the path (true) or the host's name (false); default: host for AWS alone.",
    )
    s3_timeout_s: float = Field(
        default=30.0, gt=0, description="Seconds to wait for one answer of the store."
    )


def _cached_models() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if cache else Path.home() / ".cache") / "synres" / "models"


class ModelSettings(BaseSettings):
    """Where pulled models lie, and how they run here. Nothing of it changes what an action is."""

    model_config = SettingsConfigDict(env_prefix="SYNRES_", extra="ignore", frozen=True)

    models_dir: Path = Field(
        default_factory=_cached_models,
        description="One folder for each model; default: synres/models in the user's cache folder.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(
        default="auto",
        description="Where networks run. auto: a GPU where torch sees one, or ONNX Runtime is built for one.",
    )
    encoding_cache_bytes: int = Field(
        default=512 * 2**20, ge=0, description="Bytes of image encodings that one loaded segmenter keeps."
    )


class ServiceSettings(StoreSettings):
    """What every service needs; each service adds its own fields in a subclass."""

    listen: str = Field(default="127.0.0.1:0", description="host:port; port 0 takes a free one.")
    token: Token | None = Field(
        default=None,
        description="Shared secret of all calls; it may be unset only when listening on loopback.",
    )
    max_in_flight: int = Field(
        default=8, gt=0, description="Calls at a time; one more is told when to return."
    )
    max_message_bytes: int = Field(default=16 * 2**20, gt=0, description="Bytes of the largest message.")
    reflection: bool = Field(default=False, description="True lets any client list the methods.")
    drain_delay_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds to go on serving after SIGTERM, until balancers look elsewhere.",
    )
    grace_s: float = Field(
        default=30.0, ge=0, description="Seconds that calls under way may take after that."
    )
    tied_to_stdin: bool = Field(
        default=False,
        description="True stops the service when its standard input closes: its parent is gone.",
    )
    log_level: str = Field(default="info", description="debug, info, warning or error.")
    metrics_listen: str | None = Field(
        default=None, description="host:port of Prometheus metrics; unset: none."
    )
    otlp_endpoint: str | None = Field(
        default=None, description="URL that takes OTLP traces; unset: none sent."
    )


class ClientSettings(BaseSettings):
    """Where the services listen, as `synres up` starts them and as the chart sets them."""

    model_config = SettingsConfigDict(env_prefix="SYNRES_", extra="ignore", frozen=True)

    captioner_address: str = Field(default="127.0.0.1:50051", description="host:port of the captioner.")
    generator_address: str = Field(default="127.0.0.1:50052", description="host:port of the generator.")
    segmenter_address: str = Field(default="127.0.0.1:50053", description="host:port of the segmenter.")
    grouper_address: str = Field(default="127.0.0.1:50054", description="host:port of the grouper.")
    trainer_address: str = Field(default="127.0.0.1:50055", description="host:port of the trainer.")
    coordinator_address: str = Field(default="127.0.0.1:50056", description="host:port of the coordinator.")
    segmenter_http_listen: str | None = Field(
        default=None, description="host:port of the segmenter's playground and REST; unset: none."
    )
    token: Token | None = Field(default=None, description="Shared secret of all calls.")
    call_timeout_s: float = Field(default=600.0, gt=0, description="Deadline of one shard call in seconds.")


Settings = TypeVar("Settings", bound=BaseSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """`kind` from the environment; raises SettingInvalid that names the variable."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = _variable("_".join(str(part) for part in first["loc"]))
        raise SettingInvalid(f"environment variable {name}: {first['msg']}") from error


def environment_with(*settings: BaseSettings) -> dict[str, str]:
    """This process's environment with all fields of `settings` in place of its own, for a child process."""
    environment = dict(os.environ)
    for name, value in (pair for each in settings for pair in each):
        environment.pop(_variable(name), None)
        if value is not None:
            environment[_variable(name)] = _text(value)
    return environment


def _variable(name: str) -> str:
    return f"SYNRES_{name.upper()}"


def _text(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
