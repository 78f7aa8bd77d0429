"""Sizes of a checkpoint, from its configuration and its tensors; parity through every layout on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from synres.errors import BackendUnavailable
from synres.models import glamm_words, gsva_words, lisa_words
from synres.models.checkpoint_config import checkpoint_config, published_sizes
from synres.models.checkpoints import Checkpoint, read_checkpoint
from synres.models.lisa import LisaModel
from synres.models.llama_tokens import read_tokens
from synres.models.res_load import load_published
from synres.models.sam import SamSizes
from synres.models.sam_shapes import sam_sizes
from tests.unit.models.checkpoint_folders import FIXTURES, edit_json, write_sharded
from tests.unit.models.res_parity import Fixture, validate_differences

LISA = FIXTURES / "lisa"
MERGED = LISA / "lisa_merged_hf"
GSVA = FIXTURES / "gsva"
PUBLISHED = {
    "lisa": (MERGED, None, "visual_model", lisa_words.TOKENS),
    "gsva": (GSVA / "gsva_weights.bin", GSVA / "base_llava", "visual_model", gsva_words.TOKENS),
    "glamm": (FIXTURES / "glamm/glamm_merged_hf", None, "grounding_encoder", glamm_words.TOKENS),
}


def merged_copy(folder: Path) -> Path:
    """The merged LISA in three shards, its configuration told what no published file tells."""
    write_sharded(MERGED, folder, "safetensors")
    edit_json(folder / "config.json", sam_decoder_heads=4)
    return folder


@pytest.mark.parametrize("name", PUBLISHED)
def test_sizes_are_the_fixtures(name: str) -> None:
    """Vocabulary, projector and width out of the tensors, the rest out of config.json."""
    path, base, _, _ = PUBLISHED[name]
    config = checkpoint_config(read_checkpoint(path, base))
    facts = json.loads((FIXTURES / name / "sizes.json").read_text())
    llama = facts["llama"]
    assert config.vocabulary == llama["vocab_with_added_tokens"]
    assert (config.hidden_size, config.num_hidden_layers) == (llama["hidden"], llama["layers"])
    assert config.num_key_value_heads == llama["kv_heads"]
    assert config.rms_norm_eps == llama["rms_norm_eps"]
    assert config.mm_vision_select_layer == facts["clip"]["select_layer"]
    assert (config.out_dim, config.mm_hidden_size) == (facts["out_dim"], facts["clip"]["hidden"])
    assert config.projector_depth == (2 if name == "glamm" else 1)
    assert config.vision_tower == "tiny_clip"


@pytest.mark.parametrize(
    ("name", "ids"), [("lisa", (600, None)), ("gsva", (600, 601)), ("glamm", (564, None))]
)
def test_a_model_is_sized_by_its_files_alone(name: str, ids: tuple[int, int | None]) -> None:
    """Checkpoint, vision tower and tokenizer together; `[REJ]` where the family has it."""
    path, base, root, family = PUBLISHED[name]
    clip = json.loads((FIXTURES / name / "tiny_clip" / "config.json").read_text())
    tokens = read_tokens(base or path, family)
    sizes = published_sizes(read_checkpoint(path, base), clip, tokens, root)
    assert (sizes.seg_id, sizes.rej_id) == ids
    assert sizes.llama.vocab_size == len(tokens)
    assert sizes.clip.image_size == clip["image_size"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_sam_sizes_are_read_from_shapes(name: str) -> None:
    """All but the number of the decoder's heads, which leaves no trace."""
    path, base, root, _ = PUBLISHED[name]
    tensors = read_checkpoint(path, base).tensors
    facts = json.loads((FIXTURES / name / "sizes.json").read_text())["sam"]
    indexes = tuple(facts["encoder_global_attn_indexes"])
    wanted = SamSizes(**facts | {"encoder_global_attn_indexes": indexes})
    assert sam_sizes(tensors, f"model.{root}.", decoder_heads=4) == wanted
    with pytest.raises(BackendUnavailable, match=r"lacks tensors of SAM below model\.other"):
        sam_sizes(tensors, "model.other.")


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_lisa_is_the_original_through_shards(kind: str, tmp_path: Path) -> None:
    """Folder -> tokenizer, sizes, tensors -> model: masks equal the original's, with nothing told besides."""
    folder = write_sharded(MERGED, tmp_path / "sharded", kind)
    edit_json(folder / "config.json", sam_decoder_heads=4)
    assert validate_differences(lisa_from(read_checkpoint(folder), folder), Fixture("lisa")) == []


def lisa_from(checkpoint: Checkpoint, folder: Path) -> LisaModel:
    clip = json.loads((LISA / "tiny_clip" / "config.json").read_text())
    sizes = published_sizes(checkpoint, clip, read_tokens(folder, lisa_words.TOKENS), "visual_model")
    tower = load_file(LISA / "tiny_clip" / "model.safetensors")
    return load_published(LisaModel, sizes, checkpoint.published, tower).eval()


def test_an_unmerged_lisa_keeps_its_adapters(tmp_path: Path) -> None:
    """Over its base, which has fewer rows and no configuration of LISA's."""
    base = tmp_path / "base"
    shutil.copytree(LISA / "base_llava", base)
    edit_json(base / "config.json", sam_decoder_heads=4)
    model = lisa_from(read_checkpoint(LISA / "lisa_unmerged_peft", base), base)
    assert model.sizes.lora is not None
    assert (model.sizes.lora.rank, model.sizes.out_dim, model.sizes.seg_id) == (8, 32, 600)


WRONG = {
    "hidden_size": ("64", r"config\.json does not fit: Expected `int`, got `str` - at `\$\.hidden_size`"),
    "num_attention_heads": (0, r"Expected `int` >= 1 - at `\$\.num_attention_heads`"),
    "rms_norm_eps": (-1.0, r"Expected `float` > 0"),
    "mm_hidden_size": (None, r"missing required field `mm_hidden_size`"),
    "num_hidden_layers": (3, r"says num_hidden_layers 3, the tensors say 2"),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_is_named(key: str, tmp_path: Path) -> None:
    """Before anything is built, with the key and what was expected."""
    folder = merged_copy(tmp_path / "lisa")
    value, message = WRONG[key]
    edit_json(folder / "config.json", **{key: value})
    with pytest.raises(BackendUnavailable, match=message):
        checkpoint_config(read_checkpoint(folder))


def test_a_missing_vision_tower_is_named(tmp_path: Path) -> None:
    """Under none of the names that the three families write."""
    folder = merged_copy(tmp_path / "lisa")
    edit_json(folder / "config.json", vision_tower=None, mm_vision_tower=None)
    with pytest.raises(BackendUnavailable, match=r"at `\$\.vision_tower`"):
        checkpoint_config(read_checkpoint(folder))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    """More ids than the embedding has rows would end in an index error at the first expression."""
    checkpoint = read_checkpoint(merged_copy(tmp_path / "lisa"))
    tokens = read_tokens(FIXTURES / "gsva" / "tokenizer", gsva_words.TOKENS)
    with pytest.raises(BackendUnavailable, match=r"604 ids, the checkpoint's embedding only 603 rows"):
        published_sizes(checkpoint, {}, tokens, "visual_model")


def test_a_plain_llava_is_no_res_model() -> None:
    """The base alone draws no masks."""
    with pytest.raises(BackendUnavailable, match=r"lacks 'model\.text_hidden_fcs\.0\.2\.weight'"):
        checkpoint_config(read_checkpoint(LISA / "base_llava"))
