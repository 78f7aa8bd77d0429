"""Reads a run spec from YAML. Errors name the line, the field and, for a typo, the nearest right name."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from synres.domain.choice import nearest
from synres.errors import NotFound, SpecInvalid
from synres.spec import FORMAT_VERSION, RunSpec
from synres.spec_checks import Backends, Problem, find_problem

Place: TypeAlias = tuple[str | int, ...]
_TOO_LONG = 1_000_000


def load_spec(path: str | Path, backends: Backends | None = None) -> RunSpec:
    """The spec in the file `path`; raises NotFound, or SpecInvalid as `parse_spec` does."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(f"there is no spec file {path}") from error
    except UnicodeDecodeError as error:
        raise SpecInvalid(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    return parse_spec(text, str(path), backends)


def parse_spec(text: str, source: str = "spec", backends: Backends | None = None) -> RunSpec:
    """YAML text -> a checked spec; the names of `backends` are checked where it is given.

    Raises SpecInvalid ("source:line: field: what is wrong"), or MixturePartEmpty for a part without data.
    """
    root = _compose(text, source)
    try:
        spec = RunSpec.model_validate(_plain(root, source))
    except ValidationError as error:
        place, message = _explain(error)
        raise SpecInvalid(_locate(source, root, place, message)) from error
    problem = find_problem(spec, backends)
    if problem:
        raise problem.kind(_locate(source, root, problem.place, _with_nearest(problem)))
    return spec


def _with_nearest(problem: Problem) -> str:
    listed = f"; there is {', '.join(problem.known)}" if problem.known else ""
    return problem.message + (nearest(problem.name, problem.known) or listed)


def _compose(text: str, source: str) -> yaml.MappingNode:
    if len(text) > _TOO_LONG:
        raise SpecInvalid(f"{source} has {len(text)} characters; a spec has at most {_TOO_LONG}")
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise SpecInvalid(f"{source}{line}: not YAML: {getattr(error, 'problem', None) or error}") from error
    except RecursionError as error:
        raise SpecInvalid(f"{source} is nested too deep to be a spec") from error
    if not isinstance(root, yaml.MappingNode):
        raise SpecInvalid(f"{source} is not a mapping: start it with `synres: {FORMAT_VERSION}`")
    return root


def _plain(root: yaml.MappingNode, source: str) -> Any:
    for node in _mappings(root):
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SpecInvalid(f"{source}:{key.start_mark.line + 1}: a field's name is one word")
            if key.value in seen:
                raise SpecInvalid(f"{source}:{key.start_mark.line + 1}: {key.value} is given twice; keep one")
            seen.add(key.value)
    try:
        # the nodes are already composed: constructing them anew from text would parse twice
        return yaml.SafeLoader("").construct_document(root)
    except yaml.YAMLError as error:
        raise SpecInvalid(f"{source}: {error}") from error


def _mappings(root: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Each mapping once, however many aliases point at it."""
    waiting, seen = [root], set[int]()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _locate(source: str, root: yaml.MappingNode, place: Place, message: str) -> str:
    line, field = _find(root, place)
    return f"{source}:{line}: {field or 'spec'}: {message}"


def _find(root: yaml.MappingNode, place: Place) -> tuple[int, str]:
    """Line (from 1) and dotted field of the deepest part of `place` that the text has."""
    node: yaml.Node = root
    line, names = root.start_mark.line, list[str]()
    for part in place:
        step = _step(node, part)
        if step is not None:
            line, node = step
            names.append(str(part))
        elif part is place[-1]:
            names.append(str(part))
    return line + 1, ".".join(names)


def _step(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        found = [(key.start_mark.line, value) for key, value in node.value if key.value == str(part)]
        return found[0] if found else None
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None


def _explain(error: ValidationError) -> tuple[Place, str]:
    # an unknown name explains a missing one beside it, so it is told first
    first = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place, kind, context = first["loc"], first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        return place, f"there is no such field{nearest(str(place[-1]), _fields_at(RunSpec, place[:-1]))}"
    if kind == "missing":
        return place, "this field is missing"
    if kind == "union_tag_not_found":
        return place, f"this needs a `kind`: {_choices(RunSpec, place)}"
    if kind == "union_tag_invalid":
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        return (
            *place,
            "kind",
        ), f"{context['tag']!r} is not one of {', '.join(known)}{nearest(context['tag'], known)}"
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"])
        return place, f"{first['input']!r} is not {context['expected']}{nearest(str(first['input']), known)}"
    return place, f"{first['msg'][:1].lower()}{first['msg'][1:]} (it is {first['input']!r:.60})"


def _choices(model: Any, place: Place) -> str:
    kinds = (get_args(member.model_fields["kind"].annotation)[0] for member in _models(_at(model, place)))
    return ", ".join(kinds)


def _fields_at(model: Any, place: Place) -> list[str]:
    return [name for member in _models(_at(model, place)) for name in member.model_fields]


def _at(kind: Any, place: Place) -> Any:
    """The annotation that stands at `place` of a pydantic error, whose unions carry their tag as a step."""
    for part in place:
        members = _models(kind)
        tagged = [
            m
            for m in members
            if "kind" in m.model_fields and part in get_args(m.model_fields["kind"].annotation)
        ]
        fields = [m.model_fields[part].annotation for m in members if part in m.model_fields]
        if tagged or fields:
            kind = (tagged or fields)[0]
        else:
            kind = get_args(_bare(kind))[-1] if get_args(_bare(kind)) else kind
    return kind


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _models(kind: Any) -> list[type[BaseModel]]:
    bare = _bare(kind)
    if get_origin(bare) in (Union, types.UnionType):
        return [model for member in get_args(bare) for model in _models(member)]
    return [bare] if isinstance(bare, type) and issubclass(bare, BaseModel) else []
