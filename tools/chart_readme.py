"""Writes what the chart repeats of other files: `python -m tools.chart_readme`.

README.md's table of values from the `# --` comments in values.yaml, and files/licences.json, which NOTES.txt
reads, from the catalogue of models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml

from synres.models.catalogue import KNOWN

CHART = Path(__file__).parents[1] / "helm" / "synres"
HEADING = "## Values\n"
MARK = "# -- "


@dataclass(frozen=True, slots=True)
class Value:
    """A key of values.yaml; `text` is "" for one without a comment."""

    path: str
    text: str
    default: str
    is_leaf: bool


def read_values(text: str) -> Iterator[Value]:
    """Every key, depth first; below one with a comment of its own no key needs another."""
    yield from _below(yaml.compose(text), "", text.splitlines())


def _below(node: yaml.Node, prefix: str, lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        said = _comment(lines, key.start_mark.line)
        is_leaf = not isinstance(value, yaml.MappingNode) or not value.value
        plain = yaml.safe_load(yaml.serialize(value))
        yield Value(path, said, json.dumps(plain), is_leaf)
        if not said and not is_leaf:
            yield from _below(value, f"{path}.", lines)


def _comment(lines: list[str], line: int) -> str:
    above = lines[line - 1].strip() if line else ""
    return above.removeprefix(MARK) if above.startswith(MARK) else ""


def readme(text: str, values: str) -> str:
    """`text` with the table under its heading made anew."""
    rows = [
        f"| `{value.path}` | `{value.default}` | {value.text} |"
        for value in read_values(values)
        if value.text
    ]
    head = text.partition(HEADING)[0]
    table = ["| value | default | what it is |", "|---|---|---|", *rows]
    return f"{head}{HEADING}\n" + "\n".join(table) + "\n"


def licences() -> str:
    """Model -> its licence, as JSON."""
    known = {name: asdict(model.licence) for name, model in sorted(KNOWN.items())}
    return json.dumps(known, indent=1) + "\n"


def main() -> None:
    page = CHART / "README.md"
    page.write_text(readme(page.read_text(), (CHART / "values.yaml").read_text()))
    (CHART / "files" / "licences.json").write_text(licences())


if __name__ == "__main__":
    main()
