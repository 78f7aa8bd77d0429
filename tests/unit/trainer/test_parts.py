"""The parts of the mixture, each asked in the manner of its originals: classes, parts, sentences, talks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from services.trainer.backends import load_backend
from services.trainer.backends.lisa import load as load_lisa
from services.trainer.backends.micro import MicroBackend
from services.trainer.backends.res import ResTrainable, training_batch
from services.trainer.checkpoints import StepLog
from services.trainer.examples import reworded
from services.trainer.loader import Loader
from services.trainer.recipe import run_training
from services.trainer.trainable import Batch, Shape
from synres.data.images import encode_png
from synres.domain.masks import encode_mask
from synres.domain.seeds import rng
from synres.domain.types import OpenTriplet
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ledger.records import Action
from synres.ports import ShardRequest
from synres.stages.params import MixturePart, encode_params
from synres.stages.train import BASE, TRAIN
from tests.res_trainings import CHOICES, LISA, picture
from tests.tiny_res import register_lisa
from tests.trainings import PARAMS, silent

RATIOS = {"sem_seg": 9, "refer_seg": 3, "vqa": 3, "reason_seg": 1, "synres": 4}
TURNS = (("What is in the picture?", "A circle and a square."), ("Which one is red?", "The circle."))
REASON = ("Which shape rolls away?", "It is round.")


@pytest.fixture(scope="module", autouse=True)
def _models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A tiny LISA, where backends look for it."""
    folder = tmp_path_factory.mktemp("models")
    register_lisa(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SYNRES_MODELS_DIR", str(folder))
        yield


def _rows(ledger: Ledger) -> dict[str, list[OpenTriplet]]:
    """One picture in each part, as readers of such datasets yield it."""
    image, mask = picture()
    blob = ledger.put_blob(encode_png(image), "image/png")
    found, empty = encode_mask(mask), encode_mask(np.zeros_like(mask))
    base = OpenTriplet("it", blob, found, "the red circle", "circle")
    return {
        "sem_seg": [replace(base, expression="circle rim", category="circle:rim")],
        "refer_seg": [base],
        "vqa": [replace(base, mask=empty, expression=TURNS[0][0], category="", turns=TURNS)],
        "reason_seg": [replace(base, expression=REASON[0], subset="long", turns=(REASON,))],
        "synres": [base],
    }


def _batches(ledger: Ledger, part: str, count: int) -> list[Batch]:
    parts = (MixturePart(name=part, ratio=1, rows="triplets", inputs=()),)
    params = replace(
        PARAMS, parts=parts, batch_size=1, mosaic_probability=0.0, superclass_probability=0.0, steps=count
    )
    loader = Loader(ledger, {part: _rows(ledger)[part]}, params, Shape(128))
    return [loader.batch(step) for step in range(count)]


@pytest.fixture(scope="module")
def lisa() -> ResTrainable:
    """The tiny LISA, about to be trained."""
    return load_lisa(CHOICES[LISA]).open(None, 1)


def _asked(lisa: ResTrainable, batch: Batch) -> tuple[int, int]:
    """Masks to learn, and `[SEG]` in the text."""
    made = training_batch(lisa.module, lisa._tokens, lisa._words, batch)
    segs = int((made.input_ids == lisa.module.sizes.seg_id).sum())
    return sum(len(masks) for masks in made.masks), segs


def test_a_conversation_is_learned_without_a_mask(ledger: Ledger, lisa: ResTrainable) -> None:
    """All its turns are in one row, no [SEG] is asked for, and the loss is that of the words."""
    (batch,) = _batches(ledger, "vqa", 1)
    assert batch.expressions == (TURNS[0][0],) and batch.manners[0].turns == TURNS
    assert _asked(lisa, batch) == (0, 0)
    loss = lisa.loss(batch)
    assert loss.isfinite() and loss.requires_grad


def test_an_explanation_is_given_with_a_mask_or_alone(ledger: Ledger, lisa: ResTrainable) -> None:
    """Of pictures that have one, a tenth is answered in words alone; every mask has its [SEG]."""
    asked = [_asked(lisa, batch) for batch in _batches(ledger, "reason_seg", 120)]
    assert all(masks == segs for masks, segs in asked)
    assert 2 <= sum(masks == 0 for masks, _ in asked) <= 30


def test_half_of_the_explanations_follow_their_mask(ledger: Ledger, lisa: ResTrainable) -> None:
    """Where there is a mask, the answer is as often longer by the explanation as it is not."""
    texts = []
    for batch in _batches(ledger, "reason_seg", 120):
        (conversation,) = lisa._words(batch.asked(), np.random.default_rng(batch.seed))
        texts.append("".join(part.text for part in conversation.turns[0].answer or ()))
    explained = [REASON[1] in text for text in texts if "[SEG]" in text]
    assert 0.3 < sum(explained) / len(explained) < 0.7
    assert all(REASON[1] == text for text in texts if "[SEG]" not in text)


def test_a_part_is_worded_in_two_ways() -> None:
    """Half of the time as "the part of the object"; what is no part keeps its words and draws nothing."""
    said = [reworded("dog ear", "dog:ear", rng(seed)) for seed in range(100)]
    assert set(said) == {"dog ear", "the ear of the dog"}
    assert 30 < said.count("dog ear") < 70
    generator = rng(1)
    assert reworded("the dog", "dog", generator) == "the dog"
    assert generator.random() == rng(1).random()


def test_the_micro_network_answers_no_questions(ledger: Ledger) -> None:
    """It says what to do about the mixture."""
    (batch,) = _batches(ledger, "vqa", 1)
    with pytest.raises(InvalidInput, match="give vqa the ratio 0"):
        MicroBackend().scratch(1).loss(batch)


def test_the_whole_mixture_is_trained_on(ledger: Ledger) -> None:
    """A cycle of twenty draws, two at a time, with batches that hold a talk and nothing else."""
    choice = CHOICES[LISA]
    rows = {part: ledger.put_rows(found).digest for part, found in _rows(ledger).items()}
    parts = tuple(
        MixturePart(name=part, ratio=ratio, rows="triplets", inputs=(k,))
        for k, (part, ratio) in enumerate(RATIOS.items())
    )
    params = replace(
        PARAMS, backend=choice.backend, model=choice.model, parts=parts, weights_input=BASE, steps=5,
        batch_size=4, micro_batch_size=1, mosaic_from="synres", decay="linear",
    )  # fmt: skip
    encoded, inputs = encode_params(params), tuple(rows.values())
    action = Action(TRAIN.name, TRAIN.version, load_backend(choice).model.digest, encoded.decode(), inputs)
    request = ShardRequest(TRAIN.name, action.digest(), inputs, encoded)
    outputs = run_training(ledger, load_backend(choice), request, silent).outputs
    log = ledger.get_rows(outputs["log"], StepLog)
    assert len(log) == 5 and all(np.isfinite(row.loss) for row in log)
