"""The dataset card of an export, as the Hugging Face hub reads it, and its Croissant metadata.

Card: https://huggingface.co/docs/hub/datasets-cards. Croissant 1.0: https://docs.mlcommons.org/croissant/.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synres.domain.types import split_licences

PARQUET = "triplets.parquet"
_SAMPLES = {".parquet": "application/x-parquet", ".tar": "application/x-tar", ".json": "application/json",
            ".jsonl": "application/jsonlines", ".p": "application/octet-stream"}  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/", "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "citeAs": "cr:citeAs", "column": "cr:column",
    "equivalentProperty": "cr:equivalentProperty", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "extract": "cr:extract", "field": "cr:field",
    "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject", "fileSet": "cr:fileSet",
    "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField",
    "path": "cr:path", "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex",
    "repeated": "cr:repeated", "replace": "cr:replace", "separator": "cr:separator", "source": "cr:source",
    "subField": "cr:subField", "transform": "cr:transform",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "rai": "http://mlcommons.org/croissant/RAI/", "samplingRate": "cr:samplingRate",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a reader has to know. `models`: "stage/backend" -> name, digest, licence. `filters`: what was set;
    `dropped`: reason -> how often; `counts`: what is left."""

    run: str
    chain: str
    seed: int
    merkle_root: str
    models: Mapping[str, Mapping[str, str]]
    filters: Mapping[str, str | int | float]
    counts: Mapping[str, int]
    dropped: Mapping[str, int]

    @property
    def licences(self) -> list[str]:
        """Of every model that had a hand in it, each once."""
        return sorted({part for model in self.models.values() for part in split_licences(model["licence"])})

    @property
    def name(self) -> str:
        return f"synres-{self.run}-{self.chain}"


def dataset_card(facts: CardFacts, has_parquet: bool) -> str:
    """Markdown with the front matter that the hub and `datasets` read."""
    front = [
        "---",
        "tags: [synthetic, referring-expression-segmentation]",
        "task_categories: [image-segmentation]",
    ]
    if has_parquet:
        front += ["configs:", "- config_name: default", f"  data_files: {PARQUET}"]
    body = f"""
# {facts.name}

Synthetic pictures with referring expressions and masks, made by synres: chain `{facts.chain}` of run
`{facts.run}`, seed {facts.seed}, Merkle root `{facts.merkle_root or "none: the run was not over"}`.

No picture here is a photograph as a camera took it. Expressions come from a captioner, pictures from a
generator, masks from a segmenter, and a mask was kept where several expressions agreed on it: masks are as
wrong as that segmenter is where its errors agree. Every PNG says where it came from (text chunk "synres", and
XMP's digital source type).

## Counts

{_table(("what", "how many"), facts.counts)}
## What was dropped, and why

{_table(("reason", "how often"), facts.dropped)}
Each by name in `dropped.jsonl`.

## Filters

{_table(("setting", "value"), facts.filters)}
## Models and their licences

| stage | model | digest | licence |
|---|---|---|---|
"""
    models = "".join(
        f"| {place} | {model['name']} | `{model['digest'][:16]}` | {model['licence']} |\n"
        for place, model in facts.models.items()
    )
    return "\n".join([*front, "---"]) + body + models + (
        f"\nTerms of all of them may reach what they made: {', '.join(facts.licences)}. So may those of the"
        " real pictures that the chain began with.\n"
    )  # fmt: skip


def croissant(facts: CardFacts, folder: Path) -> str:
    """JSON-LD over the files below `folder`, which are read for their digests."""
    files = list(_distribution(folder))
    document = {
        "@context": _CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts.name, "version": "1.0.0", "isLiveDataset": False,
        "description": _described(facts),
        "license": facts.licences, "keywords": ["synthetic", "referring expression segmentation"],
        "distribution": files,
        "recordSet": [_records()] if any(file["@id"] == PARQUET for file in files) else [],
    }  # fmt: skip
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _described(facts: CardFacts) -> str:
    dropped = ", ".join(f"{count} {reason}" for reason, count in facts.dropped.items()) or "nothing"
    models = ", ".join(f"{place} {model['name']}" for place, model in facts.models.items())
    return (
        f"Synthetic pictures, referring expressions and masks: chain {facts.chain} of run {facts.run}, seed"
        f" {facts.seed}, Merkle root {facts.merkle_root or 'none'}. Models: {models}. Dropped: {dropped}."
    )


def _distribution(folder: Path) -> Iterator[dict[str, Any]]:
    """A file object for each file of annotations, a file set for each folder of pictures."""
    pictures: dict[str, set[str]] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".png", ".jpg"):
            pictures.setdefault(path.parent.relative_to(folder).as_posix(), set()).add(path.suffix)
        elif path.suffix in _SAMPLES and "ReasonSeg/" not in name:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            yield {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
                   "encodingFormat": _SAMPLES[path.suffix], "sha256": digest}  # fmt: skip
    for place, suffixes in sorted(pictures.items()):
        kind = "image/png" if ".png" in suffixes else "image/jpeg"
        yield {"@type": "cr:FileSet", "@id": place, "name": place, "encodingFormat": kind,
               "includes": [f"{place}/*{suffix}" for suffix in sorted(suffixes)]}  # fmt: skip


def _records() -> dict[str, Any]:
    """The rows of the Parquet file."""
    fields = [("item", "sc:Text", False), ("expressions", "sc:Text", True), ("categories", "sc:Text", True),
              ("subsets", "sc:Text", True), ("domains", "sc:Text", True)]  # fmt: skip
    return {
        "@type": "cr:RecordSet", "@id": "pictures", "name": "pictures",
        "field": [_field(*field) for field in fields],
    }  # fmt: skip


def _field(name: str, kind: str, repeated: bool) -> dict[str, Any]:
    source = {"fileObject": {"@id": PARQUET}, "extract": {"column": name}}
    found: dict[str, Any] = {"@type": "cr:Field", "@id": f"pictures/{name}", "name": name, "dataType": kind}
    return found | {"source": source} | ({"repeated": True} if repeated else {})


def _table(head: tuple[str, str], rows: Mapping[str, object]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in rows.items())]) + "\n"
