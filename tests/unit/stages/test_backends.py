"""Backends are loaded once, on first use, and the last few are kept; options are the backend's own."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from synres.domain.choice import BackendChoice, choose
from synres.errors import ArtifactMissing, InvalidInput, NotFound
from synres.ledger.ledger import Ledger
from synres.ledger.stores import open_store
from synres.stages.backends import Backends, SegmenterBackends, options_of, refuse_extras, refuse_model
from tests.instant import INSTANT, InstantSegmenter


@dataclass(frozen=True, slots=True)
class PainterOptions:
    steps: int = 20
    guidance: float = 4.5
    scheduler: Literal["dpm", "euler"] = "dpm"
    instruction: bool = True


def test_a_backend_is_loaded_once_however_many_ask() -> None:
    """Two threads must not both load gigabytes."""
    loads: list[BackendChoice] = []

    def load(choice: BackendChoice) -> str:
        time.sleep(0.05)
        loads.append(choice)
        return choice.backend.upper()

    backends = Backends(load)
    micro = BackendChoice("micro")
    assert loads == []
    threads = [threading.Thread(target=backends.get, args=(micro,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == [micro]
    assert backends.get(micro) == "MICRO"


def test_what_is_loaded_does_not_wait_for_what_loads() -> None:
    """A model of many gigabytes on its way in must not stop calls of the others."""
    loading, go_on = threading.Event(), threading.Event()

    def load(choice: BackendChoice) -> str:
        if choice.backend == "huge":
            loading.set()
            assert go_on.wait(10)
        return choice.backend

    backends = Backends(load)
    backends.get(BackendChoice("small"))
    huge = threading.Thread(target=backends.get, args=(BackendChoice("huge"),))
    huge.start()
    assert loading.wait(10)
    assert backends.get(BackendChoice("small")) == "small"
    go_on.set()
    huge.join()


def test_another_model_or_option_is_another_backend_and_the_oldest_goes() -> None:
    """A caller who tries a hundred options does not keep a hundred models in memory."""
    loads: list[str] = []

    def load(choice: BackendChoice) -> object:
        loads.append(choice.label)
        return object()

    backends = Backends(load)
    choices = [choose("b"), choose("b", "m"), choose("b", "", {"s": 1}), choose("b", "", {"s": True})]
    assert len({id(backends.get(choice)) for choice in choices}) == 4
    for number in range(20):
        backends.get(choose("b", "", {"n": number}))
        backends.get(choices[0])
    assert loads.count("b") == 1
    backends.get(choices[1])
    assert loads.count("b m") == 2


def test_a_failed_load_is_tried_again() -> None:
    """A backend whose weights arrive later needs no restart."""
    answers = iter([NotFound("not yet"), "here"])

    def load(choice: BackendChoice) -> str:
        answer = next(answers)
        if isinstance(answer, NotFound):
            raise answer
        return answer

    backends = Backends(load)
    with pytest.raises(NotFound):
        backends.get(BackendChoice("late"))
    assert backends.get(BackendChoice("late")) == "here"


def test_trained_segmenters_are_kept_by_digest_and_the_oldest_goes(tmp_path: Path) -> None:
    """Four sets of weights stay; a fifth takes the place of the one longest unused."""
    ledger = Ledger(open_store(str(tmp_path)))
    loads: list[bytes | None] = []

    def load(choice: BackendChoice, weights: bytes | None = None) -> InstantSegmenter:
        loads.append(weights)
        return InstantSegmenter(weights)

    backends = SegmenterBackends(ledger, load)
    digests = [ledger.put_blob(bytes([n]), "application/octet-stream").digest for n in range(5)]
    for digest in [*digests[:4], digests[0], digests[4], digests[0], digests[1]]:
        backends.get_trained(INSTANT, digest)
    assert loads == [b"\x00", b"\x01", b"\x02", b"\x03", b"\x04", b"\x01"]
    assert backends.get_trained(INSTANT, "") is backends.get(INSTANT)


def test_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    """The driver then computes them anew."""
    backends = SegmenterBackends(
        Ledger(open_store(str(tmp_path))), lambda choice, weights=None: InstantSegmenter()
    )
    with pytest.raises(ArtifactMissing):
        backends.get_trained(INSTANT, "0" * 64)


def test_options_become_the_backends_own_type() -> None:
    """What is not given keeps its default; a whole number may stand for a float."""
    choice = choose("sana", "", {"guidance": 5, "instruction": False})
    assert options_of(choice, PainterOptions) == PainterOptions(guidance=5.0, instruction=False)
    assert options_of(BackendChoice("sana"), PainterOptions) == PainterOptions()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"step": 2}, r"backend sana has no option 'step'; did you mean 'steps'\?; it has steps, guidance"),
        ({"steps": "two"}, r"an option of backend sana: .*int.*str.*steps"),
        ({"steps": True}, r"an option of backend sana: .*int.*bool.*steps"),
        ({"instruction": 1}, r"an option of backend sana: .*bool.*int.*instruction"),
        ({"scheduler": "ddim"}, r"an option of backend sana: .*'ddim'.*scheduler.*; it may be dpm, euler"),
    ],
)
def test_an_option_of_another_name_or_type_is_refused(options: dict[str, object], sentence: str) -> None:
    """The sentence names the backend, the option and, for a typo, the right one."""
    with pytest.raises(InvalidInput, match=sentence):
        options_of(choose("sana", "", options), PainterOptions)


def test_a_backend_that_is_its_own_model_refuses_others() -> None:
    """An option that would be ignored is a mistake that nobody sees."""
    refuse_extras(BackendChoice("micro"))
    with pytest.raises(InvalidInput, match="backend micro is its own model: leave out model 'lisa'"):
        refuse_model(choose("micro", "lisa"))
    with pytest.raises(InvalidInput, match="backend micro has no options: leave out 'steps'"):
        refuse_extras(choose("micro", "", {"steps": 1}))
