"""The only reader of environment variables. Each field is one variable: `s3_timeout_s` is `SYNRES_S3_TIMEOUT_S`."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from synres.errors import SettingInvalid


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
    s3_timeout_s: float = Field(
        default=30.0, gt=0, description="Seconds to wait for one answer of the store."
    )


class ServiceSettings(StoreSettings):
    """What every service needs; each service adds its own fields in a subclass."""


Settings = TypeVar("Settings", bound=StoreSettings)


def load_settings(kind: type[Settings]) -> Settings:
    """`kind` from the environment; raises SettingInvalid that names the variable."""
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = "SYNRES_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingInvalid(f"environment variable {name}: {first['msg']}") from error
