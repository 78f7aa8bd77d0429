"""C2PA manifests: provenance that is signed by whoever publishes, with a certificate of their own.

https://spec.c2pa.org. The library is in the extra "sign". Signed files differ each time, since a manifest
has an identifier of its own; what it says of a picture, and the pixels, do not.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from synres.data.provenance import SOURCE_TYPES, Facts, media_type
from synres.errors import BackendUnavailable, InvalidInput, NotFound

ALGORITHM = b"es256"
LABEL = "org.synres.provenance"


class PictureSigner:
    """`certificate`: PEM of the signer's certificate and its chain; `key`: PEM of its private key (P-256).

    Raises NotFound for files that are not there, InvalidInput for what cannot sign, BackendUnavailable
    without the library.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        try:
            import c2pa
        except ImportError as error:
            raise BackendUnavailable(
                "signing needs the package c2pa-python: pip install 'synres[sign]'"
            ) from error
        info = c2pa.C2paSignerInfo(ALGORITHM, _read(certificate), _read(key), None)
        try:
            self._signer = c2pa.Signer.from_info(info)
        except c2pa.C2paError as error:
            raise InvalidInput(f"{certificate} and {key} cannot sign: {error}") from error
        # a thumbnail would be larger than the picture
        self._context = c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})

    def sign(self, picture: bytes, facts: Facts, source: str) -> bytes:
        """A PNG or JPEG with a manifest: created so, and by what. Raises InvalidInput where it cannot be."""
        import c2pa

        signed = io.BytesIO()
        builder = c2pa.Builder(json.dumps(_manifest(facts, source)), self._context)
        try:
            builder.sign(self._signer, media_type(picture), io.BytesIO(picture), signed)
        except c2pa.C2paError as error:
            raise InvalidInput(f"a picture cannot be signed: {error}") from error
        return signed.getvalue()


def _manifest(facts: Facts, source: str) -> dict[str, Any]:
    created = {"action": "c2pa.created", "digitalSourceType": f"{SOURCE_TYPES}{source}"}
    return {
        "claim_generator_info": [{"name": "synres"}],
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [created]}},
            {"label": LABEL, "data": dict(facts)},
        ],
    }


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
