"""The multipart forms of /v1."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from services.segmenter.answers import MAX_TIMEOUT_S, Limits
from services.segmenter.web.problems import BadRequest
from services.segmenter.web.shapes import FORMATS, Format
from synres.domain.choice import nearest
from synres.errors import InvalidInput

FIELDS = ("image", "digest", "expressions", "format", "timeout_s")
_MAX_TEXT_BYTES = 1 << 14


@dataclass(frozen=True, slots=True)
class SegmentForm:
    """`image` is empty when `digest` names an uploaded picture. `timeout_s` None: the service's own."""

    image: bytes
    digest: str
    expressions: tuple[str, ...]
    format: Format
    timeout_s: float | None


async def read_segment_form(request: Request, limits: Limits) -> SegmentForm:
    """Raises BadRequest for what is no such form, InvalidInput for a field that is wrong."""
    async with _form(request, FIELDS, limits.max_expressions) as form:
        return SegmentForm(
            await _image(form),
            _text(form, "digest"),
            tuple(_texts(form, "expressions")),
            _format(_text(form, "format")),
            _seconds(_text(form, "timeout_s")),
        )


async def read_image_form(request: Request) -> bytes:
    """The field `image` alone; raises as `read_segment_form`."""
    async with _form(request, ("image",), 0) as form:
        return await _image(form)


@asynccontextmanager
async def _form(request: Request, known: tuple[str, ...], most: int) -> AsyncIterator[FormData]:
    """`most`: fields that may come more than once."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise BadRequest(
            415, "send multipart/form-data: in curl, -F image=@picture.jpg -F expressions='a dog'"
        )
    try:
        form = await request.form(max_files=1, max_fields=most + len(FIELDS), max_part_size=_MAX_TEXT_BYTES)
    except HTTPException as error:
        raise BadRequest(400, _told(error.detail, most)) from error
    try:
        for name in form:
            if name not in known:
                raise InvalidInput(
                    f"field {name!r} is not known{nearest(name, known)}; there is {', '.join(known)}"
                )
        yield form
    finally:
        await form.close()


def _told(detail: str, most: int) -> str:
    if detail.startswith("Too many fields"):
        return f"too many fields: send at most {most} expressions for one picture"
    return f"the form cannot be read: {detail}"


async def _image(form: FormData) -> bytes:
    found = form.getlist("image")
    if not found:
        return b""
    if len(found) > 1 or not isinstance(found[0], UploadFile):
        raise InvalidInput("field 'image' is one file: in curl, -F image=@picture.jpg")
    return await found[0].read()


def _texts(form: FormData, name: str) -> list[str]:
    found = form.getlist(name)
    if any(isinstance(value, UploadFile) for value in found):
        raise InvalidInput(f"field {name!r} is text and not a file")
    return [value for value in found if isinstance(value, str)]


def _text(form: FormData, name: str) -> str:
    found = _texts(form, name)
    if len(found) > 1:
        raise InvalidInput(f"field {name!r} came {len(found)} times; once is meant")
    return found[0] if found else ""


def _format(text: str) -> Format:
    for known in FORMATS:
        if text == known:
            return known
    if text:
        raise InvalidInput(f"format is {text[:40]!r}{nearest(text, FORMATS)}; there is {', '.join(FORMATS)}")
    return "rle"


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text) if text else None
    except ValueError:
        seconds = math.nan
    if seconds is not None and not 0 < seconds <= MAX_TIMEOUT_S:
        raise InvalidInput(f"timeout_s is a number of seconds over 0 and at most {MAX_TIMEOUT_S:g}")
    return seconds
