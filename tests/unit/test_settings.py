"""Settings come from the environment, and a wrong one is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from synres.errors import SettingInvalid
from synres.settings import ServiceSettings, StoreSettings, load_settings

SHOW = (
    "from synres.settings import *; s = load_settings(ServiceSettings); print(s.store_url, s.s3_timeout_s, s)"
)


def run(**environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_fields_are_variables() -> None:
    """Each field is SYNRES_ and its name; a secret is never printed."""
    shown = run(
        SYNRES_STORE_URL="s3://b/p", SYNRES_S3_TIMEOUT_S="2.5", SYNRES_S3_SECRET_KEY="hush", OTHER="x"
    )
    assert shown.startswith("s3://b/p 2.5 ")
    assert "hush" not in shown


def test_a_wrong_value_names_its_variable() -> None:
    """A value that does not fit raises SettingInvalid with the variable's name."""

    class Wrong(StoreSettings):
        def __init__(self) -> None:
            super().__init__(s3_timeout_s=-1)

    with pytest.raises(SettingInvalid, match="SYNRES_S3_TIMEOUT_S: Input should be greater than 0"):
        load_settings(Wrong)


def test_every_setting_is_documented() -> None:
    """Each field says what it is."""
    assert all(field.description for field in ServiceSettings.model_fields.values())
