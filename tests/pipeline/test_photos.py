"""Photographs through the stages: a folder full of poison, cut-and-paste scenes, exact masks."""

from __future__ import annotations

import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage
from pyarrow import parquet

from services.captioner.backends import load_backend as load_captioner
from services.cli.export import export
from services.coordinator.datasets import ingest_datasets
from services.coordinator.executors.embedded import EmbeddedExecutor, Ports
from services.coordinator.run import run_spec, status
from services.generator.backends import load_backend as load_generator
from services.grouper.backends import load_backend as load_grouper
from synres.data.claims import parse_claims
from synres.data.coco import read_coco
from synres.data.facts import measure
from synres.data.images import decode_image, encode_png
from synres.data.naming import named
from synres.domain.masks import decode_mask, encode_mask
from synres.domain.types import CaptionedSample, GroupedImage, Sample, Triplet
from synres.ledger.file_store import FileStore
from synres.ledger.ledger import Ledger
from synres.ledger.runs import list_runs
from synres.ports import ArtifactStore, SceneMask
from synres.spec import RunSpec
from synres.spec_yaml import parse_spec
from synres.stages.backends import Backends, SegmenterBackends
from tests.instant import InstantAligner, InstantSegmenter, instant_model, load_instant
from tests.runs import InstantJobs
from tests.unit.data.photo import SIZE, THINGS, bare_png, photo, things

SPEC = """\
synres: 1
name: photos
seed: 7
method:
  datasets:
    folder: {{kind: coco, annotations: {folder}/coco.json, images: {folder}}}
    scenes: {{kind: cutpaste_scenes, of: folder, scenes: 3}}
  synthesis:
    main:
      dataset: folder
      samples: 4
      shard_size: 2
      caption: {{backend: attributes, expressions_per_prompt: 3}}
      generate: {{backend: cutpaste, images_per_prompt: 2}}
      segment: {{backend: instant}}
  arms:
    base: {{backend: instant, data: {{refer_seg: scenes}},
           mixture: {{sem_seg: 0, vqa: 0, reason_seg: 0, synres: 0}}, steps: 1}}
execution: {{workers: 2}}
"""
REASONS = {
    "truncated.png": "image_truncated",
    "bomb.png": "image_too_many_pixels",
    "cmyk.jpg": "image_mode",
    "deep.png": "image_mode",
    "rotated.jpg": "image_exif_rotated",
    "strip.png": "image_extreme_aspect",
    "other_size.png": "mask_size_mismatch",
    "empty_mask.png": "empty_mask",
    "../outside.png": "unsafe_path",
    "/absolute.png": "unsafe_path",
    "link.png": "unsafe_path",
    "missing.png": "image_missing",
}


def write_poison(folder: Path) -> None:
    """The good photo is `good.png`; every other file is named after what is wrong with it."""
    good = encode_png(photo())
    for name in ("good.png", "other_size.png", "empty_mask.png"):
        (folder / name).write_bytes(good)
    (folder / "truncated.png").write_bytes(good[: len(good) // 2])
    # a few bytes that promise ten gigabytes of pixels
    (folder / "bomb.png").write_bytes(bare_png(60_000, 60_000, 8, 2, b""))
    (folder / "strip.png").write_bytes(encode_png(np.zeros((1, 4000, 3), np.uint8)))
    PillowImage.fromarray(photo()).convert("CMYK").save(folder / "cmyk.jpg")
    PillowImage.fromarray(photo()[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    PillowImage.fromarray(photo()).save(buffer, "JPEG", exif=exif)
    (folder / "rotated.jpg").write_bytes(buffer.getvalue())
    (folder.parent / "outside.png").write_bytes(good)
    (folder / "link.png").symlink_to(folder.parent / "outside.png")


def write_annotations(folder: Path) -> None:
    names = ["good.png", *REASONS]
    categories = [{"id": i, "name": noun} for i, noun in enumerate(THINGS)]
    images = [
        {"id": i, "file_name": name, "height": SIZE[0], "width": SIZE[1]} for i, name in enumerate(names)
    ]
    rows: list[dict[str, Any]] = []
    for image, name in enumerate(names):
        for category, thing in enumerate(things() if name == "good.png" else things()[:1]):
            mask = thing.mask
            mask = np.zeros_like(mask) if name == "empty_mask.png" else mask
            mask = mask[:-8] if name == "other_size.png" else mask
            rle = encode_mask(mask)
            segmentation = {"size": list(rle.size), "counts": rle.counts}
            rows.append(
                {"id": len(rows), "image_id": image, "category_id": category, "segmentation": segmentation}
            )
    content = {"images": images, "annotations": rows, "categories": categories}
    (folder / "coco.json").write_text(json.dumps(content))


def poisoned_spec(tmp_path: Path) -> RunSpec:
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    if not (folder / "coco.json").exists():
        write_poison(folder)
        write_annotations(folder)
    return parse_spec(SPEC.format(folder=folder), "photos.yaml")


def photo_executor(store: ArtifactStore) -> EmbeddedExecutor:
    """Real captioner, generator and grouper; a segmenter and jobs that answer at once."""
    ledger = Ledger(store)
    ports = Ports(
        Backends(load_captioner),
        Backends(load_instant(InstantAligner)),
        Backends(load_generator),
        SegmenterBackends(ledger, load_instant(InstantSegmenter)),
        Backends(load_grouper),
        InstantJobs(ledger),
        lambda stage, choice: instant_model(stage, 1),
    )
    return EmbeddedExecutor(ledger, ports)


def test_each_poison_is_one_rejection_and_the_good_photo_goes_on(tmp_path: Path) -> None:
    """Twelve bad entries, twelve reasons, four samples of the good photo, scenes from it alone."""
    spec, ledger = poisoned_spec(tmp_path), Ledger(FileStore(tmp_path / "store"))
    done = ingest_datasets(ledger, spec.method, lambda name, result: None)
    folder = done["folder"].result
    assert Counter(reason for _, reason in folder.rejections) == Counter(REASONS.values())
    samples = ledger.get_rows(folder.outputs["samples"], Sample)
    assert sorted(sample.category for sample in samples) == sorted(THINGS)
    assert done["scenes"].result.counts["pictures"] == 3


def test_composed_scenes_refer_truly(tmp_path: Path) -> None:
    """Every triplet of the scenes, measured anew from what is stored, names the object of its mask."""
    spec, ledger = poisoned_spec(tmp_path), Ledger(FileStore(tmp_path / "store"))
    scenes = ingest_datasets(ledger, spec.method, lambda name, result: None)["scenes"].result
    by_image: dict[str, list[Sample]] = {}
    for sample in ledger.get_rows(scenes.outputs["samples"], Sample):
        by_image.setdefault(sample.image.digest, []).append(sample)
    triplets = ledger.get_rows(scenes.outputs["triplets"], Triplet)
    assert len(triplets) > 9
    for triplet in triplets:
        objects = by_image[triplet.image.digest]
        image = decode_image(ledger.get_blob(triplet.image.digest))
        facts = measure(image, [SceneMask(o.category, decode_mask(o.mask)) for o in objects])
        number = named(parse_claims(triplet.expression, set(THINGS)), facts)
        assert number is not None
        assert objects[number].mask == triplet.mask


def test_a_run_over_photographs_ends_with_exact_masks(tmp_path: Path) -> None:
    """Four samples, three expressions each, two pictures of each prompt, one exact mask an expression."""
    store = FileStore(tmp_path / "store")
    run_spec(poisoned_spec(tmp_path), store, photo_executor(store))
    (run,) = list_runs(store)
    ledger, records = Ledger(store), status(store, run).records
    captioned = [row for d in outputs(records, "caption") for row in ledger.get_rows(d, CaptionedSample)]
    grouped = [row for d in outputs(records, "group") for row in ledger.get_rows(d, GroupedImage)]
    oracle = [row for d in outputs(records, "generate", "oracle") for row in ledger.get_rows(d, Triplet)]
    assert {row.sample.category for row in captioned} == set(THINGS)
    assert all(len(set(row.prompts[0])) == 3 for row in captioned)
    assert len(grouped) == 4 * 2
    assert len(oracle) == 4 * 2 * 3
    assert all(decode_mask(row.mask).any() for row in oracle)


def outputs(records: Any, stage: str, output: str = "rows") -> list[str]:
    return [records[node].outputs[output] for node in sorted(records) if node.startswith(f"{stage}/")]


def test_the_same_photographs_give_the_same_root(tmp_path: Path) -> None:
    """Two stores, two workers and one: captions, scenes and pictures are bit for bit the same."""
    spec = poisoned_spec(tmp_path)
    alone = spec.model_copy(update={"execution": spec.execution.model_copy(update={"workers": 1})})
    roots = []
    for name, each in (("one", spec), ("two", alone)):
        store = FileStore(tmp_path / name)
        roots.append(run_spec(each, store, photo_executor(store)).merkle_root)
    assert roots[0] == roots[1]


def test_a_run_exports_with_its_contact_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One folder for the chain: COCO that the reader takes back, Parquet, and a sheet that opens."""
    store = FileStore(tmp_path / "store")
    run_spec(poisoned_spec(tmp_path), store, photo_executor(store))
    (run,) = list_runs(store)
    export(run, tmp_path / "out", store=str(tmp_path / "store"), json=True)
    counts = json.loads(capsys.readouterr().out)["main"]
    folder = tmp_path / "out" / "main"
    pictures = list(read_coco(folder / "coco", folder / "coco" / "annotations.json"))
    assert len(pictures) == counts["images"] > 0
    assert parquet.read_table(folder / "triplets.parquet").num_rows == counts["images"]
    assert decode_image((folder / "contact-sheet.png").read_bytes()).shape[1] > 1000
