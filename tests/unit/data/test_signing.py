"""Pictures signed by a certificate made for the test, and read back by the library of C2PA's makers."""

from __future__ import annotations

import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path

import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from synres.data.images import decode_image, encode_png
from synres.data.provenance import mark_png, read_provenance, to_jpeg
from synres.data.signing import LABEL, PictureSigner
from synres.errors import InvalidInput, NotFound

PIXELS = np.random.default_rng(0).integers(0, 255, (32, 48, 3), dtype=np.uint8)
FACTS = {"run": "abc", "seed": 7, "prompt": "a cup"}


def _certificate(subject: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None = None,
                 issuer_key: ec.EllipticCurvePrivateKey | None = None) -> x509.Certificate:  # fmt: skip
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"),
                      x509.NameAttribute(NameOID.COMMON_NAME, subject)])  # fmt: skip
    now, is_root = datetime.datetime.now(datetime.UTC), issuer is None
    used = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                          "encipher_only", "decipher_only"), False)  # fmt: skip
    usage = x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **used)
    signer = (issuer_key or key).public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )
    if not is_root:
        made = made.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return made.sign(issuer_key or key, hashes.SHA256())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate with its chain, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("root", root_key)
    chain = (_certificate("signer", key, root, root_key), root)
    pem = serialization.Encoding.PEM
    (folder / "chain.pem").write_bytes(b"".join(one.public_bytes(pem) for one in chain))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    return folder / "chain.pem", folder / "key.pem"


@pytest.mark.parametrize(("as_file", "kind"), [(bytes, "image/png"), (to_jpeg, "image/jpeg")])
def test_a_signed_picture_says_who_made_it_and_how(
    files: tuple[Path, Path], as_file: Callable[[bytes], bytes], kind: str
) -> None:
    """The signature holds, though nobody trusts the root of a test; the pixels are as they were."""
    file = as_file(mark_png(encode_png(PIXELS), FACTS, "trainedAlgorithmicMedia"))
    signed = PictureSigner(*files).sign(file, FACTS, "trainedAlgorithmicMedia")
    with c2pa.Reader(kind, io.BytesIO(signed)) as reader:
        found = json.loads(reader.json())
    assert found["validation_state"] == "Valid"
    said = {a["label"]: a["data"] for a in found["manifests"][found["active_manifest"]]["assertions"]}
    assert said[LABEL] == FACTS
    (created,) = next(data for label, data in said.items() if label.startswith("c2pa.actions"))["actions"]
    assert created["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert (decode_image(signed) == decode_image(file)).all() and read_provenance(signed) == FACTS
    assert len(signed) < len(file) + 20_000


def test_what_cannot_sign_is_told(files: tuple[Path, Path], tmp_path: Path) -> None:
    """A file that is not there, and one that is no certificate."""
    with pytest.raises(NotFound, match="cannot be read"):
        PictureSigner(tmp_path / "none.pem", files[1])
    (tmp_path / "text.pem").write_text("no certificate")
    with pytest.raises(InvalidInput, match="cannot"):
        PictureSigner(tmp_path / "text.pem", tmp_path / "text.pem").sign(encode_png(PIXELS), FACTS, "x")
