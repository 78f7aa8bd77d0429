"""SANA in a real Triton server: batches, seeds, the same pictures, and what happens when it fails."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient

from services.generator.app import build
from services.generator.backends.sana import SanaGenerator
from services.generator.backends.triton import TritonGenerator
from services.generator.painter_options import SanaOptions, TritonOptions
from services.generator.settings import GeneratorSettings
from synres.domain.choice import choose
from synres.errors import InvalidInput, Overloaded, RejectedItem, ServiceUnavailable
from synres.models.folders import ModelFolder
from synres.ports import GeneratorInput, Image
from synres.rpc.client import GeneratorClient
from synres.stages.generate import NO_VIEW
from tests.triton.conftest import QUICK
from tests.triton_server import TritonServer

pytestmark = pytest.mark.triton
WORDS = ("red cup", "small dog", "wet street", "tall man")
PROMPTS = [f"{WORDS[k % 4]} {k}" for k in range(64)]
SHORT = choose("triton", options=QUICK)


def _input(prompt: str) -> GeneratorInput:
    return GeneratorInput(prompt, (prompt,), NO_VIEW)


def _generator(server: TritonServer, max_in_flight: int = 64) -> TritonGenerator:
    settings = server.settings.model_copy(update={"triton_max_in_flight": max_in_flight})
    return TritonGenerator("sana", TritonOptions(**QUICK), settings)


def _batches(server: TritonServer) -> dict[int, int]:
    """Size -> how many batches of it Triton has executed."""
    client = InferenceServerClient(server.settings.triton_address)
    stats = client.get_inference_statistics("sana").model_stats[0].batch_stats
    return {each.batch_size: each.compute_infer.count for each in stats}


def _differ(first: Sequence[Image], second: Sequence[Image]) -> int:
    return max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(first, second, strict=True))


def test_one_picture_at_a_time_is_the_same_byte_for_byte(triton: TritonServer, sana: SanaGenerator) -> None:
    """What draws in Triton is what draws in this process."""
    remote = _generator(triton)
    for prompt in PROMPTS[:4]:
        for seed in (0, 2**63 - 1):
            (there,), (here,) = (each.generate(_input(prompt), [seed]) for each in (remote, sana))
            assert np.array_equal(there.image, here.image)


def test_64_prompts_at_once_are_drawn_in_batches(triton: TritonServer, sana: SanaGenerator) -> None:
    """Triton's own statistics say so; each picture keeps its seed, within one of 255 steps."""
    before, remote = _batches(triton), _generator(triton)
    with ThreadPoolExecutor(64) as pool:
        drawn = list(pool.map(lambda k: remote.generate(_input(PROMPTS[k]), [k])[0].image, range(64)))
    alone = [sana.generate(_input(prompt), [k])[0].image for k, prompt in enumerate(PROMPTS)]
    assert _differ(drawn, alone) <= 1
    batches = {size: count - before.get(size, 0) for size, count in _batches(triton).items()}
    print(f"64 prompts at once: {batches} (size: batches)")
    assert sum(size * count for size, count in batches.items() if size > 1) >= 56
    assert sum(batches.values()) <= 20


def test_options_travel_with_each_picture(triton: TritonServer, tiny: ModelFolder) -> None:
    """Pictures of other options in the same batch get their own: size, steps, instruction."""
    given = ({"steps": 1}, {"steps": 2, "height": 96}, {"steps": 2, "complex_human_instruction": False})
    remotes = [TritonGenerator("sana", TritonOptions(**each), triton.settings) for each in given]
    with ThreadPoolExecutor(3) as pool:
        drawn = list(pool.map(lambda remote: remote.generate(_input("red cup"), [7])[0].image, remotes))
    locally = [SanaGenerator(tiny, SanaOptions(**each, precision="fp32")) for each in given]
    assert _differ(drawn, [local.generate(_input("red cup"), [7])[0].image for local in locally]) <= 1


def test_bad_prompts_and_options_keep_their_class(triton: TritonServer) -> None:
    """And the others of the batch do not suffer for it."""
    remote = _generator(triton)
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(remote.generate, _input(prompt), [1]) for prompt in ("x" * 400, *PROMPTS[:3])]
    with pytest.raises(RejectedItem, match="take fewer expressions") as caught:
        futures[0].result()
    assert caught.value.reason == "prompt_too_long"
    assert all(len(future.result()) == 1 for future in futures[1:])
    with pytest.raises(InvalidInput, match="at most 4096 x 4096"):
        TritonGenerator("sana", TritonOptions(height=288_000), triton.settings)


def test_the_model_is_what_stands_in_triton(triton: TritonServer, sana: SanaGenerator) -> None:
    """Name and licence of the folder, and a digest of its own: precision is decided there."""
    model = _generator(triton).model
    assert (model.name, model.licence, model.bitwise) == ("tiny/sana", "MIT", False)
    assert model.digest != sana.model.digest


@pytest.fixture
def service(
    triton: TritonServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GeneratorClient]:
    """A client of the generator service in front of Triton, which admits one picture at a time to it."""
    monkeypatch.setenv("SYNRES_TRITON_ADDRESS", triton.settings.triton_address)
    monkeypatch.setenv("SYNRES_TRITON_MAX_IN_FLIGHT", "1")
    settings = GeneratorSettings(listen="127.0.0.1:0", store_url=str(tmp_path), max_in_flight=32)
    with build(settings) as address, GeneratorClient(address, timeout_s=60) as client:
        yield client


def test_a_full_triton_is_resource_exhausted_before_its_queue(service: GeneratorClient) -> None:
    """Whoever finds no room is told when to return, and Triton hears nothing of it."""

    def ask(seed: int) -> float:
        try:
            service.generate(SHORT, _input("red cup"), [seed])
        except Overloaded as error:
            assert "Triton has 1 pictures to draw" in error.message
            return error.retry_after_s
        return 0.0

    service.describe(SHORT)
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(ask, range(16)))
    assert 0 < sum(wait > 0 for wait in waits) < 16


def test_a_flood_past_us_is_held_by_tritons_own_queue(triton: TritonServer) -> None:
    """Many generators may stand before one Triton: what its queue turns away is Overloaded too."""
    remote = _generator(triton, max_in_flight=400)
    with pytest.raises(Overloaded, match="maximum queue size"):
        remote.generate(_input("red cup"), range(300))
    assert len(remote.generate(_input("red cup"), [1])) == 1


def test_a_model_that_does_not_load_is_unavailable(triton: TritonServer, service: GeneratorClient) -> None:
    """With one sentence that sends you to Triton's log, where the reason stands."""
    with pytest.raises(ServiceUnavailable, match="has no model 'broken' ready: its log says why"):
        service.describe(choose("triton", "broken"))
    assert "model nobody/nothing is not in" in triton.log()


def test_a_generator_is_ready_while_its_model_is(
    triton: TritonServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose model does not load gets no calls: its health says NOT_SERVING."""
    monkeypatch.setenv("SYNRES_TRITON_ADDRESS", triton.settings.triton_address)
    for model, expected in (("sana", True), ("broken", False)):
        monkeypatch.setenv("SYNRES_TRITON_MODEL", model)
        settings = GeneratorSettings(listen="127.0.0.1:0", store_url=str(tmp_path))
        with build(settings) as address, GeneratorClient(address, timeout_s=60) as client:
            assert _becomes(client, expected)


def _becomes(client: GeneratorClient, expected: bool) -> bool:
    """The health service's word after two seconds, or earlier when it says "serving"."""
    until_s = time.monotonic() + 2.5
    while not client.is_serving() and time.monotonic() < until_s:
        time.sleep(0.1)
    return client.is_serving() == expected
