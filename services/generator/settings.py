"""The generator's settings."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from synres.settings import ServiceSettings


class GeneratorSettings(ServiceSettings):
    listen: str = "127.0.0.1:50052"


class TritonSettings(BaseSettings):
    """Where Triton is, for a generator that stands in front of one, and how long it waits for it."""

    model_config = SettingsConfigDict(env_prefix="SYNRES_", extra="ignore", frozen=True)

    triton_address: str = Field(
        default="",
        description="host:port of Triton's gRPC endpoint; with it, the generator is ready while Triton is.",
    )
    triton_model: str = Field(
        default="sana", description="Triton's name for the model, unless a spec names one."
    )
    triton_timeout_s: float = Field(default=300.0, gt=0, description="Seconds to wait for one picture.")
    triton_return_s: float = Field(
        default=120.0, ge=0, description="Seconds to wait for a Triton that went away to be ready again."
    )
    triton_max_in_flight: int = Field(
        default=32,
        gt=0,
        description="Pictures asked of Triton at a time; whoever finds no room is told to return.",
    )
