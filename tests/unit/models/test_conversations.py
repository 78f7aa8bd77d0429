"""Conversations and their collation, as the originals built the batches of the fixtures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from torch import Tensor

from synres.errors import InvalidInput
from synres.models import glamm_words, gsva_words, lisa_words
from synres.models.conversations import (
    Conversation,
    TokenBatch,
    Turn,
    collate,
    conversation_parts,
    plain_conversation,
    text_limit,
)
from synres.models.llama_parts import fill, joined, template, user
from synres.models.llama_tokens import read_tokens

FIXTURES = Path(__file__).parents[2] / "fixtures"
LISA = read_tokens(FIXTURES / "lisa" / "lisa_merged_hf", lisa_words.TOKENS)
GSVA = read_tokens(FIXTURES / "gsva" / "tokenizer", gsva_words.TOKENS)
GLAMM = read_tokens(FIXTURES / "glamm" / "glamm_merged_hf", glamm_words.TOKENS)
PHRASES = ("red dog", "the woman on the right side near a tree", "cup")


def facts(name: str, what: str) -> Any:
    return json.loads((FIXTURES / name / f"{what}.json").read_text())


def tensors(name: str, what: str, case: str = "") -> dict[str, Tensor]:
    found = load_file(FIXTURES / name / f"{what}.safetensors")
    return {key.removeprefix(case): value for key, value in found.items() if key.startswith(case)}


def texts(conversations: list[Conversation]) -> list[str]:
    return [joined(conversation_parts(conversation)) for conversation in conversations]


def assert_equal(batch: TokenBatch, wanted: dict[str, Tensor]) -> None:
    """All that the fixture holds of a batch."""
    assert batch.input_ids.tolist() == wanted["input_ids"].tolist()
    assert batch.attention_mask.tolist() == wanted["attention_mask"].bool().tolist()
    for name in {"labels", "offset"} & wanted.keys():
        assert getattr(batch, name).tolist() == wanted[name].tolist()


def asked(pattern: str, expression: str, answer: str) -> Conversation:
    return Conversation((Turn(fill(pattern, expression), (template(answer),)),), (expression,))


def test_lisa_validation_is_the_original() -> None:
    """Teacher-forced: texts, ids, labels, mask and offset of the fixture's three expressions."""
    conversations = lisa_words.teacher_forced(PHRASES)
    assert texts(conversations) == facts("lisa", "validate")[0]["conversations_after_token_insertion"]
    assert_equal(collate([conversations], LISA), tensors("lisa", "validate", "three_expressions."))


def test_lisa_prompt_is_the_original() -> None:
    """Generated: the open conversation of `evaluate`."""
    conversation = lisa_words.generated("red dog on the left")
    assert texts([conversation]) == [facts("lisa", "evaluate")[0]["prompt"]]
    wanted = tensors("lisa", "evaluate")["seg.input_ids"].tolist()
    assert LISA.encode(conversation_parts(conversation)) == wanted


def lisa_training() -> list[list[Conversation]]:
    """The fixture's three pictures, from the lists where they are from the lists."""
    phrase, explain, answers = lisa_words.SHORT_QUESTIONS, lisa_words.EXPLAIN_QUESTIONS, lisa_words.ANSWERS
    explained = (template(f"{answers[0]} "), user("The blue car is near the tree."))
    cup, side = ("What is on the table?", "A small cup."), ("Which side is it on?", "The left side.")
    car = "Which car is near the tree?"
    return [
        [
            asked(phrase[0], "red dog on the left", answers[1]),
            asked(phrase[3], "woman with a white hat", answers[3]),
        ],
        [plain_conversation([cup, side])],
        [
            Conversation((Turn(fill(explain[0], car), explained),), (car,)),
            asked(lisa_words.LONG_QUESTIONS[1], "Which man is holding an umbrella?", answers[4]),
            asked(phrase[1], "bicycle", answers[2]),
        ],
    ]


def test_lisa_training_batch_is_the_original() -> None:
    """Several pictures, two turns, an explanation: ids, labels, mask and offset."""
    pictures = lisa_training()
    assert (
        texts([c for picture in pictures for c in picture]) == facts("lisa", "train_mixed")["conversations"]
    )
    assert_equal(collate(pictures, LISA, text_limit(LISA, 256)), tensors("lisa", "train_mixed"))


def test_gsva_validation_is_the_original() -> None:
    """One conversation lists all expressions, with the original's missing spaces."""
    conversation = gsva_words.teacher_forced([" red dog. ", "blue car", "cup"], [True, False, True])
    assert texts([conversation]) == facts("gsva", "validate")[0]["conversation_after_token_insertion"]
    assert_equal(collate([[conversation]], GSVA), tensors("gsva", "validate", "three_reeval."))


def test_gsva_training_batch_is_the_original() -> None:
    """A list of expressions beside single ones."""
    listed = "Sure, red dog:[SEG], blue car:[REJ], cup:[SEG]."
    several = gsva_words.generated(["Red dog", "blue car", "cup"]).turns[0].question[1:-1]
    question = (template("<image>\nCan you segment "), *several, template(" in this image?"))
    pictures = [
        [Conversation((Turn(question, (template(listed),)),), ("red dog", "blue car", "cup"))],
        [
            asked("<image>\n{} Please respond with segmentation mask.", "Which man is holding an umbrella?",
                  "Sure, [SEG]."),
            asked("<image>\nCan you segment the {} in this image?", "bicycle",
                  "Sure, the segmentation result is [SEG]."),
        ],
    ]  # fmt: skip
    assert (
        texts([c for picture in pictures for c in picture]) == facts("gsva", "train_mixed")["conversations"]
    )
    assert_equal(collate(pictures, GSVA, text_limit(GSVA, 256)), tensors("gsva", "train_mixed"))


def glamm_asked(text: str, answer: str | None) -> Turn:
    question = (template(glamm_words.OVERVIEW), user(text))
    return Turn(question, None if answer is None else (template(answer),))


def test_glamm_batches_are_the_original() -> None:
    """Validation and training: two turns of one picture, and phrases marked with `<p>`."""
    checks = [
        Conversation((glamm_asked("Where is the grey mug?", "[SEG]."),), ("the grey mug",)),
        Conversation((glamm_asked("Where is 2nd cyclist?", "[SEG]."),), ("2nd cyclist",)),
    ]
    wanted = tensors("glamm", "validate", "one_conversation_per_expression.")
    assert_equal(collate([checks], GLAMM), wanted)
    again = Turn((user("Where is the 2nd bucket?"),), (template("It is [SEG]."),))
    phrases = "A <p> metal kettle </p> [SEG] next to a <p> cup </p> [SEG]."
    pictures = [
        [Conversation((glamm_asked("Where is the red t-shirt?", "Sure, [SEG]."), again), ("a", "b"))],
        [Conversation((glamm_asked("What is on the shelf?", phrases),), ("metal kettle", "cup"))],
    ]
    assert_equal(collate(pictures, GLAMM, text_limit(GLAMM, 576)), tensors("glamm", "train_mixed"))


@pytest.mark.parametrize("case", range(3))
def test_glamm_prompts_are_the_original(case: int) -> None:
    """Generated: the open conversations of `evaluate`."""
    told = facts("glamm", "evaluate")[case]
    question = told["prompt"].split("picture.\n")[1].removesuffix(" ASSISTANT:")
    conversation = Conversation((glamm_asked(question, None),))
    assert texts([conversation]) == [told["prompt"]]
    wanted = tensors("glamm", "evaluate")[f"{told['name']}.input_ids"].tolist()
    assert GLAMM.encode(conversation_parts(conversation)) == wanted


def test_sentences_are_asked_as_sentences() -> None:
    """LISA's two kinds of question, in training and in validation; only phrases lose their capitals."""
    rng = np.random.default_rng(0)
    sentence = "Where would the Pilot sit?"
    (check,) = texts(lisa_words.teacher_forced([f" {sentence} "], is_sentence=True))
    assert f"<im_end>\n {sentence} Please output segmentation mask. ASSISTANT: [SEG].</s>" in check
    assert f"<im_end>\n{sentence} Please" in texts([lisa_words.generated(sentence, is_sentence=True)])[0]
    assert f"\n{sentence} Please" in texts([lisa_words.training_conversation(sentence, rng, True)])[0]
    assert "the pilot" in texts([lisa_words.training_conversation("the Pilot", rng)])[0]


def test_all_wordings_are_drawn() -> None:
    """Every question and answer of the lists comes up; equal generators draw equal conversations."""
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    lisa = [lisa_words.training_conversation("dog", rng) for _ in range(200)]
    assert lisa == [lisa_words.training_conversation("dog", again) for _ in range(200)]
    assert len(set(texts(lisa))) == 4 * 5
    explained = [lisa_words.explained_conversation("Which?", "Why.", rng) for _ in range(200)]
    assert len(set(texts(explained))) == 3 * 5
    gsva = [gsva_words.training_conversation(["Dog", "Cat."], [True, False], rng) for _ in range(200)]
    assert len(set(texts(gsva))) == 4 * 5
    glamm = [glamm_words.training_conversation(["Dog"], rng) for _ in range(1000)]
    assert len(set(texts(glamm))) == 16 * 5


def test_gsva_training_asks_small_and_answers_as_written() -> None:
    """Each pair of start and item, `[REJ]` where there is no target."""
    rng = np.random.default_rng(0)
    drawn = [gsva_words.training_conversation(["Dog", "Cat."], [True, False], rng) for _ in range(99)]
    answers = {text.split("ASSISTANT: ")[1] for text in texts(drawn)}
    assert answers == {
        "The segmentation results are Dog [SEG], Cat [REJ].</s>",
        "Sure, they are Dog:[SEG], Cat:[REJ].</s>",
        "Sure, the mask of Dog is [SEG], the mask of Cat is [REJ].</s>",
        "Sure, the segmentation of Dog is [SEG], the segmentation of Cat is [REJ].</s>",
        "Sure, the referred Dog is [SEG], the referred Cat is [REJ].</s>",
    }
    assert all(" dog, cat in this image" in text for text in texts(drawn))


def test_glamm_asks_later_expressions_without_the_picture() -> None:
    """Several expressions are several turns of one conversation, and the picture stands in the first."""
    conversation = glamm_words.training_conversation(["Dog", "cat"], np.random.default_rng(0))
    (text,) = texts([conversation])
    assert text.count("<image>") == text.count("overview") == 1
    assert [len(conversation.turns), text.count("[SEG]")] == [2, 2]
    assert "dog" in texts([glamm_words.generated("Dog")])[0]
    assert texts(glamm_words.teacher_forced(["Dog"]))[0].endswith("mask. ASSISTANT: [SEG].</s>")


def test_a_cut_names_the_expression_that_it_would_lose() -> None:
    """The original cuts `[SEG]` away in silence, and fails later on the number of masks."""
    conversation = gsva_words.teacher_forced(["red dog", "blue car", "cup"], [True, False, True])
    row = GSVA.encode(conversation_parts(conversation))
    last = len(row) - row[::-1].index(GSVA.slot_ids[0])
    assert collate([[conversation]], GSVA, last).input_ids.shape == (1, last)
    with pytest.raises(InvalidInput, match=r"'cup': shorten it"):
        collate([[conversation]], GSVA, last - 1)
    with pytest.raises(InvalidInput, match=r"'blue car'"):
        collate([[conversation]], GSVA, row.index(GSVA.slot_ids[1]))


def test_a_look_alike_in_the_text_saves_no_expression_from_the_cut() -> None:
    """`[SEG]` in an expression is text, so it does not count as an answer."""
    conversation = lisa_words.teacher_forced(["the [SEG] dog"])[0]
    row = LISA.encode(conversation_parts(conversation))
    with pytest.raises(InvalidInput, match=r"the \[SEG\] dog"):
        collate([[conversation]], LISA, row.index(LISA.slot_ids[0]))


def test_a_limit_leaves_room_for_the_picture() -> None:
    """One id becomes as many embeddings as the tower has patches."""
    assert text_limit(LISA, 256) == 512 - 255
    assert text_limit(GLAMM, 576) == 1536 - 575
    assert text_limit(LISA, 576, max_length=2048) == 2048 - 575


def test_an_open_conversation_has_no_labels() -> None:
    """Nothing is supervised where nothing is answered."""
    assert set(collate([[lisa_words.generated("dog")]], LISA).labels.flatten().tolist()) == {-100}


def test_labels_hold_where_the_newer_behaviour_drops_words() -> None:
    """With `legacy` off a turn may start with `<unk>`; the second answer is still the supervised one."""
    tokens = read_tokens(FIXTURES / "lisa" / "tokenizer_legacy_false", lisa_words.TOKENS)
    batch = collate([lisa_training()[1]], tokens)
    supervised = [i for i in batch.labels[0].tolist() if i != -100]
    assert tokens.decode(supervised).split() == ["A", "small", "cup.", "The", "left", "side."]
    assert supervised.count(tokens.eos_id) == 2
    assert not batch.attention_mask.all()


def test_an_empty_batch_is_bad_input() -> None:
    """Pictures without conversations cannot be trained on."""
    with pytest.raises(InvalidInput, match="at least one conversation"):
        collate([[], []], LISA)
