"""Triplets as a COCO folder with RefCOCO-like refs, which loaders of either can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from synres.data.export import Exported, Load, by_image, image_name, new_folder
from synres.domain.masks import area, box
from synres.domain.types import Expression, Rle, Triplet

NO_CATEGORY = "object"


def export_coco(triplets: Iterable[Triplet], load: Load, folder: Path, split: str = "train") -> Exported:
    """Writes images/<digest>.<ext>, annotations.json (COCO, compressed run lengths) and refs.json.

    A ref has RefCOCO's fields (`ref_id`, `ann_id`, `image_id`, `category_id`, `file_name`, `split`,
    `sent_ids`, `sentences`) and `subset` and `domain`; it is JSON, since a pickle runs code when read.
    Raises InvalidInput when `folder` already holds something.
    """
    new_folder(folder)
    (folder / "images").mkdir()
    tables = Tables(split)
    for group in by_image(triplets):
        image = group[0].image
        (folder / "images" / image_name(image)).write_bytes(load(image.digest))
        tables.add_image(f"images/{image_name(image)}", group)
    (folder / "annotations.json").write_bytes(tables.annotations_json())
    (folder / "refs.json").write_bytes(msgspec.json.encode(tables.refs, order="sorted"))
    return Exported(folder, len(tables.images), len(tables.annotations), tables.sentences)


def runs_in_json(mask: Rle) -> dict[str, Any]:
    """COCO's compressed run lengths, as pycocotools takes them."""
    return {"size": list(mask.size), "counts": mask.counts}


@dataclass(slots=True)
class Tables:
    """Numbers count from 1, in order of appearance: COCO tools take 0 for "none". `segmentation` spells
    a mask."""

    split: str
    segmentation: Callable[[Rle], Any] = runs_in_json
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)
    refs: list[dict[str, Any]] = field(default_factory=list)
    sentences: int = 0

    def add_image(self, file_name: str, group: Sequence[Triplet]) -> None:
        height, width = group[0].mask.size
        image = {"id": len(self.images) + 1, "file_name": file_name, "height": height, "width": width}
        self.images.append(image)
        for mask in dict.fromkeys(triplet.mask for triplet in group):
            same = [triplet for triplet in group if triplet.mask == mask]
            self.refs.append(self._ref(self._annotation(mask, same[0].category, image), same, image))

    def _annotation(self, mask: Rle, category: str, image: dict[str, Any]) -> dict[str, Any]:
        number = self.categories.setdefault(category or NO_CATEGORY, len(self.categories) + 1)
        annotation = {
            "id": len(self.annotations) + 1, "image_id": image["id"], "category_id": number,
            "segmentation": self.segmentation(mask), "area": area(mask), "bbox": list(box(mask)),
            "iscrowd": 0,
        }  # fmt: skip
        self.annotations.append(annotation)
        return annotation

    def _ref(
        self, annotation: dict[str, Any], same: Sequence[Triplet], image: dict[str, Any]
    ) -> dict[str, Any]:
        sentences = [self._sentence(triplet.expression) for triplet in same]
        return {
            "ref_id": len(self.refs) + 1, "ann_id": annotation["id"], "image_id": image["id"],
            "category_id": annotation["category_id"], "file_name": image["file_name"], "split": self.split,
            "sent_ids": [sentence["sent_id"] for sentence in sentences], "sentences": sentences,
            "subset": same[0].subset, "domain": same[0].domain,
        }  # fmt: skip

    def _sentence(self, expression: Expression) -> dict[str, Any]:
        self.sentences += 1
        plain = expression.lower()
        return {"sent_id": self.sentences, "raw": expression, "sent": plain, "tokens": plain.split()}

    def annotations_json(self) -> bytes:
        categories = [{"id": number, "name": name} for name, number in self.categories.items()]
        file = {"images": self.images, "annotations": self.annotations, "categories": categories}
        return msgspec.json.encode(file, order="sorted")
