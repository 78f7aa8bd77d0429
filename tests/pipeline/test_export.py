"""What a run hands on is read by those it is for: datasets, pycocotools, mlcroissant, our own readers."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow.parquet import read_table
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from services.cli.export import Format, export
from services.cli.export_facts import DroppedItem, grouped_rows, kept_triplets
from services.cli.results import load_results
from services.coordinator.plan import spec_of
from services.coordinator.run import run_spec
from synres.data.images import decode_image
from synres.data.provenance import read_provenance
from synres.data.readers.reasonseg import read_reasonseg
from synres.data.readers.refcoco import read_refcoco
from synres.data.rows import ReferringRow
from synres.domain.masks import decode_mask, encode_mask
from synres.domain.types import GroupedImage, Rle, Triplet
from synres.errors import InvalidInput
from synres.ledger.file_store import FileStore
from synres.ledger.rows import decode_rows
from synres.ledger.runs import RunFolder, list_runs
from tests.runs import instant_executor, spec_with

# pycocotools 2 hands numpy 2 an array in the old way
OLD_ARRAYS = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
)
Facts = set[tuple[str, str, str]]
"""(digest of the pixels, expression, counts of the mask)."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FileStore:
    """A run of twelve samples that is over."""
    store = FileStore(tmp_path_factory.mktemp("store"))
    run_spec(spec_with(), store, instant_executor(store))
    return store


@pytest.fixture(scope="module")
def grouped(store: FileStore) -> list[GroupedImage]:
    """The pictures of its chain."""
    (run,) = list_runs(store)
    return grouped_rows(load_results(store, run, spec_of(RunFolder(store, run))), "main")


@pytest.fixture(scope="module")
def folder(store: FileStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its chain in every format."""
    target = tmp_path_factory.mktemp("export")
    (run,) = list_runs(store)
    export(run, target, formats=list(Format), store=store.url, json=True)
    return target / "main"


@pytest.fixture(scope="module")
def expected(store: FileStore, grouped: list[GroupedImage]) -> Facts:
    """What the ledger holds of it."""
    from synres.ledger.ledger import Ledger

    ledger = Ledger(store)
    return {
        _fact(decode_image(ledger.get_blob(t.image.digest)), t.expression, t.mask)
        for t in kept_triplets(grouped)
    }


def _fact(image: np.ndarray, expression: str, mask: Rle) -> tuple[str, str, str]:
    return image.tobytes().hex()[:4000], expression, mask.counts


def _of_lists(image: object, row: dict) -> Facts:
    pixels = np.asarray(image)
    masks = [Rle((m["size"][0], m["size"][1]), m["counts"]) for m in row["masks"]]
    return {_fact(pixels, e, m) for e, m in zip(row["expressions"], masks, strict=True)}


def test_datasets_loads_the_parquet_by_its_card(folder: Path, expected: Facts, tmp_path: Path) -> None:
    """Pictures decoded, with expressions and masks: the folder is named, and its card says where they are."""
    import datasets

    rows = datasets.load_dataset(str(folder), split="train", cache_dir=str(tmp_path))
    assert set().union(*(_of_lists(row["image"], row) for row in rows)) == expected


def test_datasets_loads_the_webdataset(folder: Path, expected: Facts, tmp_path: Path) -> None:
    """Each picture with the JSON beside it."""
    import datasets

    files = [str(path) for path in sorted((folder / "webdataset").glob("*.tar"))]
    rows = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(tmp_path))
    assert set().union(*(_of_lists(row["png"], row["json"]) for row in rows)) == expected


@OLD_ARRAYS
def test_pycocotools_reads_the_coco(folder: Path, expected: Facts) -> None:
    """Masks by its own decoder, and the refs that name them."""
    coco, found = COCO(folder / "coco" / "annotations.json"), set()
    for ref in json.loads((folder / "coco" / "refs.json").read_text()):
        (annotation,) = coco.loadAnns(ref["ann_id"])
        image = decode_image((folder / "coco" / coco.loadImgs(ref["image_id"])[0]["file_name"]).read_bytes())
        mask = encode_mask(coco.annToMask(annotation).astype(np.bool_))
        found |= {_fact(image, sentence["raw"], mask) for sentence in ref["sentences"]}
    assert found == expected


@pytest.mark.parametrize("place", ["refcoco/refcoco", "lisa/refer_seg/refcoco", "coco"])
def test_our_refcoco_reader_reads_our_refcoco(folder: Path, expected: Facts, place: str) -> None:
    """As the toolbox has it, below LISA's data folder, and beside COCO."""
    rows = list(read_refcoco(folder / place))
    assert all(isinstance(row, ReferringRow) for row in rows)
    found = {
        _fact(decode_image(row.image.read_bytes()), e, row.mask()) for row in rows for e in row.expressions
    }
    assert found == {(pixels, expression.lower(), counts) for pixels, expression, counts in expected}
    assert {row.split for row in rows} == {"train"}


def test_reasonseg_gives_every_pixel_of_a_mask_back(folder: Path, grouped: list[GroupedImage]) -> None:
    """Pictures are JPEGs there, and say where they came from all the same."""
    rows = list(read_reasonseg(folder / "reasonseg" / "ReasonSeg", "train"))
    found = {(row.image.name[:16], e, row.mask()) for row in rows for e in row.expressions}
    assert found == {(t.image.digest[:16], t.expression, t.mask) for t in kept_triplets(grouped)}
    said = read_provenance(rows[0].image.read_bytes())
    assert said is not None and said["chain"] == "main"


@pytest.mark.parametrize("form", list(Format))
def test_every_picture_says_where_it_came_from(
    folder: Path, grouped: list[GroupedImage], form: Format
) -> None:
    """Run, seed, prompt, generator and licence, and IPTC's word for synthetic pictures as Pillow reads it."""
    seen = set()
    for data in _pictures(folder, form):
        said = read_provenance(data)
        assert said is not None
        assert {"run", "seed", "item", "prompt", "generator", "generator_digest", "licence"} <= set(said)
        seen.add(said["picture"])
        with Image.open(io.BytesIO(data)) as picture:
            xmp = {"PNG": "XML:com.adobe.xmp", "JPEG": "xmp"}[picture.format or ""]
            assert "digitalsourcetype/trainedAlgorithmicMedia" in str(picture.info[xmp])
    assert seen == {triplet.image.digest for triplet in kept_triplets(grouped)}


def _pictures(folder: Path, form: Format) -> Iterator[bytes]:
    """The encoded pictures of one format, as its readers take them out."""
    if form is Format.PARQUET:
        yield from (row["bytes"] for row in read_table(folder / "triplets.parquet")["image"].to_pylist())
    elif form is Format.WEBDATASET:
        for path in (folder / form).glob("*.tar"):
            with tarfile.open(path) as shard:
                files = (shard.extractfile(member) for member in shard if member.name.endswith(".png"))
                yield from (file.read() for file in files if file)
    else:
        yield from (
            path.read_bytes() for path in (folder / form).rglob("*") if path.suffix in (".png", ".jpg")
        )


@OLD_ARRAYS
def test_lisas_training_finds_its_way(folder: Path, expected: Facts) -> None:
    """As the REFER toolbox and LISA's loader read: refs by Python's pickle, joined by ids; pictures by name
    below train2014; masks decoded by pycocotools from bytes, and summed."""
    root = folder / "lisa" / "refer_seg"
    refs = pickle.loads((root / "refcoco" / "refs(unc).p").read_bytes())  # noqa: S301
    file = json.loads((root / "refcoco" / "instances.json").read_text())
    images, annotations, categories = (
        {row["id"]: row for row in file[name]} for name in ("images", "annotations", "categories")
    )
    found, sentence_ids = set(), []
    for ref in refs:
        image, annotation = images[ref["image_id"]], annotations[ref["ann_id"]]
        assert (ref["split"], annotation["image_id"]) == ("train", image["id"])
        assert ref["category_id"] == annotation["category_id"] in categories
        parts = [part | {"counts": part["counts"].encode()} for part in annotation["segmentation"]]
        mask = coco_masks.decode(parts).sum(axis=2, dtype=np.uint8)
        assert mask.shape == (image["height"], image["width"]) and mask.max() == 1
        pixels = decode_image((root / "images/mscoco/images/train2014" / image["file_name"]).read_bytes())
        assert all(sentence["tokens"] == sentence["sent"].split() for sentence in ref["sentences"])
        found |= {_fact(pixels, s["raw"], encode_mask(mask.astype(np.bool_))) for s in ref["sentences"]}
        sentence_ids += ref["sent_ids"]
    assert found == expected and len(set(sentence_ids)) == len(sentence_ids)


def test_lisas_reasonseg_loader_finds_its_way(folder: Path) -> None:
    """A JPEG beside each JSON, and the list of explanations that it opens before anything else."""
    root = folder / "reasonseg" / "ReasonSeg"
    assert json.loads((root / "explanatory/train.json").read_text()) == []
    pictures = sorted((root / "train").glob("*.jpg"))
    assert [path.with_suffix(".json") for path in pictures] == sorted((root / "train").glob("*.json"))
    for path in pictures:
        file = json.loads(path.with_suffix(".json").read_text())
        assert file["text"] and {shape["label"] for shape in file["shapes"]} == {"target"}


def test_every_dropped_expression_has_its_reason(folder: Path, grouped: list[GroupedImage]) -> None:
    """Kept and dropped together are all that were asked for; the card counts them by reason."""
    dropped = decode_rows((folder / "dropped.jsonl").read_bytes(), DroppedItem)
    asked = sum(len(row.pseudo_masks) for row in grouped)
    by_itag = [one for one in dropped if one.stage == "group"]
    assert len(kept_triplets(grouped)) + len(by_itag) == asked
    card = (folder / "README.md").read_text()
    for reason in {f"{one.stage}: {one.reason}" for one in dropped}:
        count = sum(f"{one.stage}: {one.reason}" == reason for one in dropped)
        assert f"| {reason} | {count} |" in card
    for said in ("seed 7", "group.tau | 0.65", "Apache-2.0", "generate/instant"):
        assert said in card


# mlcroissant 1.1 meets newer versions of what it stands on
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")
def test_the_croissant_is_valid_and_reads_the_rows(folder: Path, expected: Facts) -> None:
    """By the library of those who made the format; digests of files are right."""
    import mlcroissant

    dataset = mlcroissant.Dataset(folder / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    rows = list(dataset.records("pictures"))
    said = {text.decode() for row in rows for text in row["pictures/expressions"]}
    assert said == {expression for _, expression, _ in expected}


def test_an_export_is_the_same_bytes_each_time(store: FileStore, folder: Path, tmp_path: Path) -> None:
    """Nothing of clock, folder or machine gets into what is published."""
    (run,) = list_runs(store)
    export(run, tmp_path, formats=list(Format), store=store.url, json=True)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert [n for n in names if (folder / n).read_bytes() != (tmp_path / "main" / n).read_bytes()] == []


def test_masks_as_boxes_are_exact() -> None:
    """No box lies on another, and together they are the mask."""
    from synres.data.export_reasonseg import boxes

    mask = np.random.default_rng(0).random((17, 23)) < 0.6
    drawn = np.zeros(mask.shape, np.int64)
    for left, right, top, bottom in boxes(mask):
        drawn[top : bottom + 1, left : right + 1] += 1
    assert (drawn == mask).all()


def test_what_the_ledger_holds_is_not_marked(store: FileStore, grouped: list[GroupedImage]) -> None:
    """Provenance is of what leaves; marked pictures have the pixels that they had."""
    from synres.ledger.ledger import Ledger

    triplet: Triplet = kept_triplets(grouped)[0]
    assert read_provenance(Ledger(store).get_blob(triplet.image.digest)) is None
    assert decode_mask(triplet.mask).any()


def test_an_export_that_was_killed_is_done_again(store: FileStore, tmp_path: Path) -> None:
    """What it left has another name; a chain that is whole is not written over."""
    (run,) = list_runs(store)
    (tmp_path / ".main.unfinished" / "coco").mkdir(parents=True)
    (tmp_path / ".main.unfinished" / "coco" / "half.json").write_text("{")
    export(run, tmp_path, formats=[Format.COCO], store=store.url, json=True)
    assert [path.name for path in tmp_path.iterdir()] == ["main"]
    assert not (tmp_path / "main" / "coco" / "half.json").exists()
    with pytest.raises(InvalidInput, match="main is not empty; name a new folder"):
        export(run, tmp_path, formats=[Format.PARQUET], store=store.url, json=True)
