"""Triplets as one Parquet file that Hugging Face `datasets` opens with its pictures decoded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synres.data.export import Exported, Load, annotations_of, by_image, image_name
from synres.domain.types import Triplet
from synres.errors import BackendUnavailable, InvalidInput

if TYPE_CHECKING:
    import pyarrow

IMAGES_PER_GROUP = 100
_TEXTS = ("expressions", "categories", "subsets", "domains")


def export_parquet(triplets: Iterable[Triplet], load: Load, path: Path) -> Exported:
    """Writes one row for each picture: `image` {bytes, path}, `item`, and lists of equal length.

    Those are `masks` (COCO compressed run lengths: size [height, width], counts), `expressions`,
    `categories`, `subsets` and `domains`.

    Raises BackendUnavailable without pyarrow and InvalidInput when `path` exists.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise BackendUnavailable(
            "Parquet needs the package pyarrow: pip install 'synres[parquet]'"
        ) from error
    if path.exists():
        raise InvalidInput(f"{path} exists; name a new file")
    path.parent.mkdir(parents=True, exist_ok=True)
    groups = by_image(triplets)
    schema = _schema()
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        # Row groups keep memory flat: only their pictures are loaded at one time.
        for start in range(0, len(groups), IMAGES_PER_GROUP):
            rows = [_row(group, load) for group in groups[start : start + IMAGES_PER_GROUP]]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    masks = sum(len({triplet.mask for triplet in group}) for group in groups)
    return Exported(path, len(groups), masks, sum(map(len, groups)))


def _row(group: Sequence[Triplet], load: Load) -> dict[str, Any]:
    image = group[0].image
    return {"image": {"bytes": load(image.digest), "path": image_name(image)}, **annotations_of(group)}


def _schema() -> pyarrow.Schema:
    """The metadata is what `datasets` reads to know that `image` holds pictures."""
    import pyarrow as pa

    mask = pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])
    fields = [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("item", pa.string()),
        ("masks", pa.list_(mask)),
        *((name, pa.list_(pa.string())) for name in _TEXTS),
    ]
    features = {"info": {"features": _features()}}
    return pa.schema(fields, metadata={"huggingface": json.dumps(features)})


def _features() -> dict[str, Any]:
    text = {"dtype": "string", "_type": "Value"}
    sizes = {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"}
    masks = {"feature": {"size": sizes, "counts": text}, "_type": "List"}
    texts = {name: {"feature": text, "_type": "List"} for name in _TEXTS}
    return {"image": {"_type": "Image"}, "item": text, "masks": masks, **texts}
