"""Token ids as the originals had them, on every prompt of the fixtures, and text out of ids again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from synres.errors import BackendUnavailable, InvalidInput
from synres.models import glamm_words, gsva_words, lisa_words
from synres.models.llama_parts import template, user
from synres.models.llama_tokens import FamilyTokens, LlamaTokens, read_tokens

FIXTURES = Path(__file__).parents[2] / "fixtures"
FAMILIES = {
    "lisa": (lisa_words.TOKENS, "lisa_merged_hf"),
    "gsva": (gsva_words.TOKENS, "tokenizer"),
    "glamm": (glamm_words.TOKENS, "glamm_merged_hf"),
}


def with_legacy(source: Path, target: Path, legacy: bool) -> Path:
    """A copy of a tokenizer's folder, told to behave in the legacy way or not."""
    target.mkdir()
    for name in ("tokenizer.model", "added_tokens.json", "special_tokens_map.json"):
        if (source / name).is_file():
            shutil.copy(source / name, target)
    config = json.loads((source / "tokenizer_config.json").read_text())
    (target / "tokenizer_config.json").write_text(json.dumps(config | {"legacy": legacy}))
    return target


def prompts(name: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads((FIXTURES / name / "tokens.json").read_text())
    return rows


@pytest.mark.parametrize("legacy", [True, False])
@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("base", [False, True])
def test_ids_are_the_originals(name: str, base: bool, legacy: bool, tmp_path: Path) -> None:
    """Every prompt of every fixture, both behaviours, from a checkpoint's folder and from its base's."""
    family, folder = FAMILIES[name]
    source = FIXTURES / name / ("base_llava" if base else folder)
    tokens = read_tokens(with_legacy(source, tmp_path / "tokenizer", legacy), family)
    wanted = {str(row["text"]): row[f"ids_legacy_{str(legacy).lower()}"] for row in prompts(name)}
    assert {text: tokens.encode([template(text)]) for text in wanted} == wanted


def test_the_folder_says_which_behaviour() -> None:
    """LISA's second tokenizer folder turns `legacy` off, and a word behind a token then becomes `<unk>`."""
    tokens = read_tokens(FIXTURES / "lisa" / "tokenizer_legacy_false", lisa_words.TOKENS)
    (row,) = [row for row in prompts("lisa") if row["text"] == "left-most[SEG]left-most"]
    assert tokens.encode([template(str(row["text"]))]) == row["ids_legacy_false"] != row["ids_legacy_true"]


@pytest.mark.parametrize("name", FAMILIES)
def test_added_tokens_have_the_ids_of_the_fixture(name: str) -> None:
    """Ids are looked up by string, never by tokenizing `[SEG]`."""
    family, folder = FAMILIES[name]
    tokens = read_tokens(FIXTURES / name / folder, family)
    facts = json.loads((FIXTURES / name / "sizes.json").read_text())
    assert tokens.ids == facts["token_ids"]
    assert len(tokens) == facts["llama"]["vocab_with_added_tokens"]
    assert tokens.slot_ids[0] == facts["token_ids"]["[SEG]"]
    assert (tokens.bos_id, tokens.eos_id, tokens.pad_id) == (1, 2, 0)


def test_newer_files_list_the_added_tokens_in_the_configuration(tmp_path: Path) -> None:
    """Without added_tokens.json the ids come from tokenizer_config.json, whatever their order."""
    folder = with_legacy(FIXTURES / "gsva" / "tokenizer", tmp_path / "tokenizer", legacy=True)
    (folder / "added_tokens.json").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    decoder = config["added_tokens_decoder"]
    decoder["600"]["content"], decoder["601"]["content"] = "[REJ]", "[SEG]"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert read_tokens(folder, gsva_words.TOKENS).slot_ids == (601, 600)


def test_missing_tokens_go_behind_those_that_are_there(tmp_path: Path) -> None:
    """A base that already has `<im_start>` gives `[SEG]` the next free id."""
    folder = with_legacy(FIXTURES / "lisa" / "base_llava", tmp_path / "tokenizer", legacy=True)
    (folder / "added_tokens.json").write_text('{"<im_start>": 600, "<pad>": 601}')
    ids = read_tokens(folder, lisa_words.TOKENS).ids
    assert [ids[name] for name in ("<im_start>", "[SEG]", "<im_end>")] == [600, 602, 603]


def test_generated_ids_read_as_text() -> None:
    """Tokens are kept by name, bytes become characters, the ends are left out."""
    tokens = read_tokens(FIXTURES / "lisa" / "lisa_merged_hf", lisa_words.TOKENS)
    assert tokens.decode([600, 294, 2]) == "[SEG] ."
    text = "Sure, café 人 no. 17"
    assert tokens.decode(tokens.encode([user(text)])) == text
    assert tokens.decode(tokens.encode([template("<image>\nhi [SEG]</s>")])) == "<image> hi [SEG]"
    assert tokens.decode([]) == tokens.decode([1, 2, 0]) == ""


def test_half_a_character_is_bad_input() -> None:
    """A lone surrogate cannot be text, and is named."""
    tokens = read_tokens(FIXTURES / "lisa" / "lisa_merged_hf", lisa_words.TOKENS)
    with pytest.raises(InvalidInput, match=r"\\ud800.*lone surrogate"):
        tokens.encode([user("a \ud800 dog")])


@pytest.mark.parametrize("name", ["tokenizer.model", "tokenizer_config.json", "added_tokens.json"])
def test_a_broken_tokenizer_is_one_sentence(name: str, tmp_path: Path) -> None:
    """A damaged file is named, and the mend with it."""
    folder = with_legacy(FIXTURES / "lisa" / "lisa_merged_hf", tmp_path / "tokenizer", legacy=True)
    (folder / name).write_text("{ not this")
    with pytest.raises(BackendUnavailable, match=rf"{name} is not .*fetch it again"):
        read_tokens(folder, lisa_words.TOKENS)


def test_a_folder_without_a_tokenizer_is_one_sentence(tmp_path: Path) -> None:
    """The tokenizer is part of the checkpoint."""
    with pytest.raises(BackendUnavailable, match=r"has no tokenizer\.model"):
        read_tokens(tmp_path, lisa_words.TOKENS)


def test_a_piece_that_is_spelled_like_a_token_stays_a_piece() -> None:
    """Even where the vocabulary has a piece of a token's name, a user's text gets the piece."""
    model = (FIXTURES / "lisa" / "lisa_merged_hf" / "tokenizer.model").read_bytes()
    family = FamilyTokens(lisa_words.TOKENS.rule, ("▁dog",), ("▁dog",), ())
    tokens = LlamaTokens(model, family, {"▁dog": 600}, legacy=True, max_length=512)
    assert 600 in tokens.encode([template("▁dog")])
    assert 600 not in tokens.encode([user("dog")])
