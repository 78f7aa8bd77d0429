"""What a person reads: one console for results (stdout), one for progress and errors (stderr)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

# control characters but for newline and tab, marks that turn the direction of text, other line separators,
# and halves of surrogate pairs, which no terminal can be sent
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


class PlainConsole(Console):
    """Text from data, people and services is shown, never obeyed: what commands a terminal is escaped."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As rich does; its own control segments stay, texts are made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


out = PlainConsole()
err = PlainConsole(stderr=True)


def visible(text: str) -> str:
    """ESC becomes `\\u001b`, and so on: the escapes of JSON, with which JSON stays the same document."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_json(value: Any) -> None:
    """One JSON document on stdout, sorted and indented."""
    out.out(visible(json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)), highlight=False)


def report_error(code: str, message: str, as_json: bool) -> None:
    """`error CODE: sentence` on stderr, or the same as one line of JSON."""
    if as_json:
        document = json.dumps({"error": {"code": code, "message": message}}, ensure_ascii=False)
        err.out(visible(document), highlight=False)
        return
    err.print(Text.assemble(("error ", "bold red"), (code, "bold"), f": {message}"), soft_wrap=True)
