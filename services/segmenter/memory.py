"""The C library's heap, told that a service decodes pictures all day."""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_MAPPED_BYTES, _KEPT_BYTES = 1 << 25, 1 << 28


def keep_heap() -> None:
    """Blocks of a picture's size come from memory that the process has, up to 256 MiB of it.

    glibc would fetch and return their pages for every call: with a picture of 640 x 480 that is a tenth of
    all time. Elsewhere this does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
