"""The segmenter's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from services.segmenter.answers import MAX_TIMEOUT_S
from synres.settings import ServiceSettings


class SegmenterSettings(ServiceSettings):
    listen: str = "127.0.0.1:50053"
    segmenter_backend: str = Field(
        default="micro", description="Backend that the online endpoint serves, warm before it is ready."
    )
    segmenter_model: str = Field(default="", description="Its model; empty for the backend's default.")
    segmenter_options: dict[str, str | int | float | bool] = Field(
        default={}, description="Its options, a JSON object."
    )
    segmenter_http_listen: str | None = Field(
        default=None, description="host:port of playground, /v1 and /v2 over HTTP; unset: none."
    )
    segmenter_auth: Literal["on", "off"] = Field(
        default="on", description="off lets everybody use the online endpoint, without key or token."
    )
    segmenter_keys: Path | None = Field(
        default=None, description="File of API keys, hashed: a line of `synres keys new` for each."
    )
    segmenter_tls_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate chain; with it gRPC and HTTP speak TLS."
    )
    segmenter_tls_key: Path | None = Field(default=None, description="PEM file of its private key.")
    segmenter_key_rate: float = Field(
        default=50.0, gt=0, description="Calls per second of one API key, unless its line says otherwise."
    )
    segmenter_queue_s: float = Field(
        default=5.0, gt=0, description="Seconds of work that may wait; a call beyond is told when to return."
    )
    segmenter_max_calls: int = Field(default=128, gt=0, description="Online calls that may wait or run.")
    segmenter_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=MAX_TIMEOUT_S,
        description="Deadline of calls that bring none, where a protocol allows that.",
    )
    segmenter_batch: int = Field(default=8, gt=0, description="Pictures that the model sees at a time.")
    segmenter_max_image_bytes: int = Field(default=8 * 2**20, gt=0, description="Bytes of one picture.")
    segmenter_max_pixels: int = Field(default=2**24, gt=0, description="Pixels of one picture.")
    segmenter_max_expressions: int = Field(default=64, gt=0, description="Expressions for one picture.")
    segmenter_max_expression_chars: int = Field(default=300, gt=0, description="Characters of one.")
    segmenter_max_pictures: int = Field(default=16, gt=0, description="Pictures of one BatchSegment.")
