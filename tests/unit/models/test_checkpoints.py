"""Checkpoints in every layout that is published, and every damage refused in one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from synres.errors import BackendUnavailable, NotFound, UnsafePath
from synres.models.checkpoints import Checkpoint, read_checkpoint
from tests.unit.models.checkpoint_folders import (
    FIXTURES,
    edit_json,
    tensors_of,
    write_sharded,
    write_single,
    write_tensors,
)

LISA = FIXTURES / "lisa"
MERGED = LISA / "lisa_merged_hf"
GSVA = FIXTURES / "gsva"
GLAMM = FIXTURES / "glamm"
KINDS = ("safetensors", "bin")


def same(checkpoint: Checkpoint, other: Checkpoint) -> bool:
    """Equal names, values and types."""
    pairs = [(checkpoint.tensors, other.tensors), (checkpoint.lora, other.lora)]
    return all(
        ours.keys() == theirs.keys()
        and all(torch.equal(ours[name], theirs[name]) for name in ours)
        and all(ours[name].dtype == theirs[name].dtype for name in ours)
        for ours, theirs in pairs
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shards", [1, 2, 7])
def test_shards_hold_what_one_file_holds(kind: str, shards: int, tmp_path: Path) -> None:
    """Sharded safetensors and sharded `.bin` read as the published single file does."""
    sharded = read_checkpoint(write_sharded(MERGED, tmp_path / "sharded", kind, shards))
    assert same(sharded, read_checkpoint(MERGED))
    assert len(sharded.files) == 1 + shards
    assert sharded.config == json.loads((MERGED / "config.json").read_text())


def test_a_merged_checkpoint_has_no_prefix_and_no_adapters() -> None:
    """LISA's and GLaMM's names, as their documentation has them."""
    lisa, glamm = read_checkpoint(MERGED), read_checkpoint(GLAMM / "glamm_merged_hf")
    for checkpoint, name in ((lisa, "lisa"), (glamm, "glamm")):
        facts = json.loads((FIXTURES / name / "sizes.json").read_text())
        assert sorted(checkpoint.tensors) == sorted(facts["merged_state_dict_keys"])
        assert (checkpoint.lora, checkpoint.lora_rank) == ({}, 0)
    assert "model.grounding_encoder.mask_decoder.iou_token.weight" in glamm.tensors
    assert "model.region_encoder.roi_align.updims.weight" in glamm.tensors


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        (LISA / "lisa_unmerged_peft", "lisa"),
        (GSVA / "gsva_weights.bin", "gsva"),
        (GLAMM / "glamm_unmerged_peft", "glamm"),
    ],
)
def test_an_unmerged_checkpoint_comes_apart(weights: Path, name: str) -> None:
    """PEFT's prefix goes, the adapters stand apart, and their rank is read from them."""
    checkpoint = read_checkpoint(weights, FIXTURES / name / "base_llava")
    facts = json.loads((FIXTURES / name / "sizes.json").read_text())
    assert checkpoint.lora_rank == facts["lora"]["r"]
    assert len(checkpoint.lora) == 2 * 2 * facts["llama"]["layers"]
    assert not [key for key in checkpoint.published if key.startswith("base_model")]
    rows = checkpoint.tensors["model.embed_tokens.weight"].shape[0]
    assert rows == facts["llama"]["vocab_with_added_tokens"]
    assert checkpoint.config["architectures"] == ["LlavaLlamaForCausalLM"]
    assert [file.name for file in checkpoint.files[:2]] == ["config.json", "model.safetensors"]


def test_adapters_put_into_the_weights_give_the_merged_checkpoint() -> None:
    """W + alpha / rank x B A, apart from the rows of the head that the fixture set by hand."""
    unmerged, merged = read_checkpoint(LISA / "lisa_unmerged_peft", MERGED), read_checkpoint(MERGED)
    scale = 16 / unmerged.lora_rank
    for name, down in unmerged.lora.items():
        if ".lora_A." in name:
            weight = name.replace(".lora_A.default", "")
            up = unmerged.lora[name.replace("lora_A", "lora_B")]
            torch.testing.assert_close(
                unmerged.tensors[weight] + scale * up @ down, merged.tensors[weight], atol=1e-6, rtol=0
            )


def test_a_base_gives_what_the_weights_lack(tmp_path: Path) -> None:
    """Weights of a fine-tuning alone, over the base that holds the rest."""
    base = tensors_of(GSVA / "base_llava" / "model.safetensors")
    raw = {f"base_model.model.{n}": t + 1 for n, t in base.items() if "layers.0" in n and "norm" in n}
    write_tensors(raw, tmp_path / "part.bin")
    checkpoint = read_checkpoint(tmp_path / "part.bin", GSVA / "base_llava")
    assert checkpoint.tensors.keys() == base.keys()
    changed = [name for name in base if not torch.equal(checkpoint.tensors[name], base[name])]
    assert changed == [name.removeprefix("base_model.model.") for name in raw]


def test_safetensors_come_before_pickles(tmp_path: Path) -> None:
    """Where both lie in a folder, the `.bin` is never opened."""
    folder = write_single(MERGED, tmp_path / "both", "safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    assert same(read_checkpoint(folder), read_checkpoint(MERGED))


@pytest.mark.parametrize("kind", KINDS)
def test_tensors_stay_in_their_file(kind: str, tmp_path: Path) -> None:
    """A checkpoint of 13B must not be in memory twice: reading maps it, and takes no memory of its own."""
    (tmp_path / "config.json").write_text("{}")
    name = {"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}[kind]
    write_tensors({"big": torch.ones(2**24)}, tmp_path / name)
    before = anonymous_bytes()
    checkpoint = read_checkpoint(tmp_path)
    assert float(checkpoint.tensors["big"].sum()) == 2**24
    assert anonymous_bytes() - before < 2**25


def anonymous_bytes() -> int:
    """Memory of this process that no file backs."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


class Attack:
    """What a hostile pickle looks like."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.victim),)


def test_a_pickle_with_code_is_refused(tmp_path: Path) -> None:
    """Nothing is executed, and one sentence says so."""
    torch.save({"weight": Attack(tmp_path / "pwned")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(BackendUnavailable, match=r"pytorch_model\.bin holds more than tensors.*safetensors$"):
        read_checkpoint(tmp_path, MERGED)
    assert not (tmp_path / "pwned").exists()


INDEX = "model.safetensors.index.json"
SHARD = "model-00002-of-00003.safetensors"
Damage = Callable[[Path], object]


def ghost(folder: Path) -> None:
    """An index that promises a tensor too many."""
    weights = json.loads((folder / INDEX).read_text())["weight_map"]
    edit_json(folder / INDEX, weight_map=weights | {"model.ghost": SHARD})


def cut(length: int) -> Damage:
    return lambda folder: (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:length])


def text(name: str, content: str) -> Damage:
    return lambda folder: (folder / name).write_text(content)


DAMAGES: dict[str, tuple[Damage, str]] = {
    "cut shard": (cut(-100), rf"{SHARD} cannot be read as weights"),
    "cut header": (cut(50), rf"{SHARD} cannot be read as weights"),
    "absent shard": (lambda folder: (folder / SHARD).unlink(), rf"{INDEX} names {SHARD}, which is not there"),
    "broken index": (text(INDEX, "{"), rf"{INDEX} is no index of shards"),
    "other index": (text(INDEX, '{"weight_map": [1]}'), rf"{INDEX} is no index of shards"),
    "empty index": (text(INDEX, '{"weight_map": {}}'), rf"{INDEX} names no shards"),
    "ghost": (ghost, r"names 1 tensors that no shard holds, the first model\.ghost"),
    "no configuration": (
        lambda folder: (folder / "config.json").unlink(),
        r"has no config\.json; name the base",
    ),
    "list": (text("config.json", "[]"), r"config\.json is no JSON object"),
    "no JSON": (text("config.json", "{'a': 1}"), r"config\.json is not JSON"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_checkpoint_is_one_sentence(what: str, tmp_path: Path) -> None:
    """The file is named, and the mend."""
    folder = write_sharded(MERGED, tmp_path / "sharded", "safetensors")
    damage, message = DAMAGES[what]
    damage(folder)
    with pytest.raises(BackendUnavailable, match=message) as told:
        read_checkpoint(folder)
    assert "\n" not in told.value.message


@pytest.mark.parametrize("name", ["../model.bin", "/etc/passwd", "sub/model.bin", "..\\model.bin", "..", ""])
def test_an_index_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    """A shard is a file beside its index."""
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": {"weight": name}}))
    with pytest.raises(UnsafePath, match=r"leads out of its folder"):
        read_checkpoint(tmp_path, MERGED)


@pytest.mark.parametrize("content", [b"", b"garbage" * 99, "cut", [1, 2], {"state": {"a": torch.ones(1)}}])
def test_a_bin_that_is_no_table_of_tensors_is_one_sentence(content: object, tmp_path: Path) -> None:
    """Empty, of another format, cut short, or with something else in it."""
    file = tmp_path / "pytorch_model.bin"
    if content == "cut":
        whole = (MERGED / "pytorch_model.bin").read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    elif isinstance(content, bytes):
        file.write_bytes(content)
    else:
        torch.save(content, file)
    with pytest.raises(BackendUnavailable, match=r"pytorch_model\.bin (cannot be read|is no table)"):
        read_checkpoint(tmp_path, MERGED)


def test_adapters_come_in_pairs_of_one_rank(tmp_path: Path) -> None:
    """A lost half, or two ranks, are another model's doing and would train on in silence."""
    tensors = tensors_of(GSVA / "gsva_weights.bin")
    half = next(name for name in tensors if ".lora_A." in name)
    write_tensors({n: t for n, t in tensors.items() if n != half}, tmp_path / "half.bin")
    with pytest.raises(BackendUnavailable, match=r"half of the adapter model\.layers\.0.*lora_B"):
        read_checkpoint(tmp_path / "half.bin", GSVA / "base_llava")
    write_tensors(tensors | {half: torch.zeros(4, 64)}, tmp_path / "ranks.bin")
    with pytest.raises(BackendUnavailable, match=r"adapters of ranks \[4, 8\]"):
        read_checkpoint(tmp_path / "ranks.bin", GSVA / "base_llava")


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """No folder, no weights in it, or several files that could be meant."""
    with pytest.raises(NotFound, match="is not there; give the folder"):
        read_checkpoint(tmp_path / "nothing")
    with pytest.raises(BackendUnavailable, match="holds no weights"):
        read_checkpoint(tmp_path)
    for name in ("a.bin", "b.bin"):
        write_tensors({"weight": torch.zeros(1)}, tmp_path / name)
    with pytest.raises(BackendUnavailable, match=r"several files of weights \(a\.bin, b\.bin\)"):
        read_checkpoint(tmp_path)
