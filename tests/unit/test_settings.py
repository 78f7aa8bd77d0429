"""Settings come from the environment, say what is wrong, and go on to child processes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.captioner.settings import CaptionerSettings
from services.generator.settings import GeneratorSettings
from services.grouper.settings import GrouperSettings
from services.segmenter.settings import SegmenterSettings
from synres.errors import SettingInvalid
from synres.settings import ClientSettings, ServiceSettings, StoreSettings, environment_with, load_settings


def test_every_setting_is_documented() -> None:
    """One sentence for each field."""
    fields = {**ServiceSettings.model_fields, **ClientSettings.model_fields}
    assert [name for name, field in fields.items() if not (field.description or "").endswith(".")] == []


def test_services_listen_where_clients_look() -> None:
    """`synres up` and `synres run --executor grpc` agree without any setting."""
    kinds = (CaptionerSettings, GeneratorSettings, SegmenterSettings, GrouperSettings)
    listened = [kind.model_fields["listen"].default for kind in kinds]
    services = ("captioner", "generator", "segmenter", "grouper")
    assert listened == [ClientSettings.model_fields[f"{name}_address"].default for name in services]


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to set, not where the code is."""
    monkeypatch.setenv("SYNRES_GRACE_S", "-1")
    with pytest.raises(SettingInvalid, match="SYNRES_GRACE_S"):
        load_settings(ServiceSettings)


@pytest.mark.parametrize("token", ["", " ", "two words", "sécret", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    """Better at start than at each call."""
    with pytest.raises(ValidationError, match="printable ASCII"):
        ServiceSettings(token=token)


def test_a_token_from_a_file_loses_its_newline() -> None:
    """Secrets that are mounted as files often end with one."""
    token = ServiceSettings(token="secret\n").token
    assert token is not None
    assert token.get_secret_value() == "secret"


def test_a_child_gets_every_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set here is set there; what is not set here is not inherited either."""
    monkeypatch.setenv("SYNRES_METRICS_LISTEN", "127.0.0.1:9")
    given = ServiceSettings(token="secret", grace_s=3, s3_secret_key="key", metrics_listen=None)
    environment = environment_with(given, StoreSettings(store_url="s3://bucket"))
    assert environment["SYNRES_TOKEN"] == "secret"
    assert environment["SYNRES_GRACE_S"] == "3.0"
    assert environment["SYNRES_STORE_URL"] == "s3://bucket"
    assert "SYNRES_METRICS_LISTEN" not in environment
    assert "PATH" in environment
