"""With a certificate the HTTP face speaks TLS, and nothing else."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

import httpx2
import pytest

from services.segmenter.app import build, build_online
from services.segmenter.settings import SegmenterSettings
from services.segmenter.web.face import HttpFace
from services.segmenter.web.routes import build_app
from synres.errors import SettingInvalid
from tests.certificates import write_certificate


def test_http_over_tls(tmp_path: Path) -> None:
    """Who trusts the certificate is answered; plain HTTP and strangers to it are not."""
    key, chain = write_certificate(tmp_path)
    online = build_online(SegmenterSettings(store_url=str(tmp_path / "store")))[0]
    face = HttpFace(build_app(online, online.is_ready), "127.0.0.1:0", certificate=(key, chain))
    face.start()
    port = face.address.rpartition(":")[2]
    try:
        trusting = ssl.create_default_context(cafile=str(chain))
        assert httpx2.get(f"https://localhost:{port}/v2/health/live", verify=trusting, timeout=60).is_success
        for scheme in ("https", "http"):
            with pytest.raises(httpx2.TransportError):
                httpx2.get(f"{scheme}://localhost:{port}/v2/health/live", timeout=60)
    finally:
        face.stop(grace_s=5)


@pytest.mark.parametrize("spoilt", ["absent", "none", "another", "encrypted"])
def test_a_certificate_that_cannot_be_used_is_told_at_the_start(tmp_path: Path, spoilt: str) -> None:
    """One sentence that names both settings, and nobody is asked for a password."""
    key, chain = write_certificate(tmp_path)
    if spoilt == "absent":
        key = tmp_path / "nowhere.pem"
    if spoilt == "none":
        key.write_text("not a key")
    if spoilt == "another":
        (tmp_path / "other").mkdir()
        key = write_certificate(tmp_path / "other")[0]
    if spoilt == "encrypted":
        subprocess.run(
            ["openssl", "ec", "-aes256", "-passout", "pass:x", "-in", key, "-out", tmp_path / "shut.pem"],
            check=True,
            capture_output=True,
        )
        key = tmp_path / "shut.pem"
    given = {"segmenter_tls_key": key, "segmenter_tls_certificate": chain}
    with pytest.raises(SettingInvalid, match="SYNRES_SEGMENTER_TLS_CERTIFICATE, SYNRES_SEGMENTER_TLS_KEY"):
        build(SegmenterSettings(store_url=str(tmp_path / "store"), listen="127.0.0.1:0", **given))
