"""Where a synthetic picture came from, in the picture itself, for people and machines.

PNG text chunks: "synres" (JSON of our own) and XMP with IPTC's digital source type, which is how the industry
says that a picture is synthetic (https://cv.iptc.org/newscodes/digitalsourcetype/). Pixels are not touched.
Nothing here is signed: see `signing` for those who have a certificate.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Mapping

from PIL import Image as PillowImage

from synres.domain.digests import canonical_json
from synres.errors import InvalidInput

KEYWORD, XMP = "synres", "XML:com.adobe.xmp"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = 33
"""Bytes of signature and IHDR, which must come first."""
_QUALITY = 95
_SOURCES = {"procedural": "algorithmicMedia", "cutpaste": "compositeCapture"}
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
    f"<Iptc4xmpExt:DigitalSourceType>{SOURCE_TYPES}{{}}"
    "</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"
)
Facts = Mapping[str, str | int]


def source_type(generator: str) -> str:
    """IPTC's name for what a generator backend makes; "trainedAlgorithmicMedia" for networks.

    >>> source_type("sana"), source_type("cutpaste")
    ('trainedAlgorithmicMedia', 'compositeCapture')
    """
    return _SOURCES.get(generator, "trainedAlgorithmicMedia")


def mark_png(png: bytes, facts: Facts, source: str) -> bytes:
    """The same picture with its provenance; the same bytes each time. Raises InvalidInput for no PNG."""
    if not png.startswith(_SIGNATURE):
        raise InvalidInput("provenance goes into PNG files, and this is none")
    texts = ((KEYWORD, canonical_json(dict(facts)).decode()), (XMP, _PACKET.format(source)))
    return png[:_HEADER_END] + b"".join(_chunk(*text) for text in texts) + png[_HEADER_END:]


def read_provenance(data: bytes) -> dict[str, str | int] | None:
    """What `mark_png` or `to_jpeg` wrote, None for other pictures."""
    with PillowImage.open(io.BytesIO(data)) as picture:
        said = picture.info.get(KEYWORD) or picture.info.get("comment", b"")
    try:
        found = json.loads(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def to_jpeg(png: bytes) -> bytes:
    """For layouts that want `.jpg`: the picture at quality 95, its provenance as comment and XMP."""
    buffer = io.BytesIO()
    with PillowImage.open(io.BytesIO(png)) as picture:
        said = {"comment": picture.info.get(KEYWORD, ""), "xmp": picture.info.get(XMP, "").encode()}
        picture.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, subsampling=0, **said)
    return buffer.getvalue()


def media_type(picture: bytes) -> str:
    """Of the two kinds that are written here."""
    return "image/png" if picture.startswith(_SIGNATURE) else "image/jpeg"


def _chunk(keyword: str, text: str) -> bytes:
    """An uncompressed iTXt chunk: keyword, no compression, no language, no translation, UTF-8."""
    body = b"iTXt" + keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
