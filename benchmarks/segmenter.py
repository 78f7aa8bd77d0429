"""What the RES models' shared encodes save, in processor time of one core; and ONNX Runtime beside torch.

    python -m benchmarks.segmenter

A LISA with random weights whose picture encode outweighs a mask as SAM ViT-H's does (180 times; at least 50
here), and whose language model is small: the part that is measured is the sharing, not LLaMA. Exits with 1
when five expressions in one call are less than 4 times, or a repeated picture less than 20 times, as fast as
calls that share nothing.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from transformers import CLIPVisionConfig, LlamaConfig

from services.segmenter.backends.micro import MicroSegmenter
from synres.domain.types import ModelInfo
from synres.models import lisa_words
from synres.models.clipseg import ClipSegOptions, ClipSegSegmenter
from synres.models.encoding_cache import EncodingCache
from synres.models.lisa import LisaModel
from synres.models.llama_tokens import read_tokens
from synres.models.onnx_export import export_clipseg, export_micro
from synres.models.onnx_segmenters import OnnxClipSegSegmenter, OnnxMicroSegmenter, OnnxOptions
from synres.models.res_families import LisaOptions, lisa
from synres.models.res_segmenter import Caches, ResSegmenter
from synres.models.res_types import ResSizes
from synres.models.sam import SamSizes
from synres.ports import Segmenter
from tests.tiny_models import write_clipseg
from tests.tiny_res import teach_to_answer

LEAST_TOGETHER, LEAST_REPEATED, LEAST_WEIGHT = 4.0, 20.0, 50.0
ROUNDS = 3
IMAGE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
EXPRESSIONS = ("the red dog", "a bike", "the tree behind the house", "the man on the left", "sky")
TOKENIZER = Path(__file__).parents[1] / "tests" / "fixtures" / "lisa" / "lisa_merged_hf"
NO_MODEL = ModelInfo("random", "0" * 64, "Apache-2.0", bitwise=False)
PLENTY = 2**30


def main() -> int:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        beside_onnx(Path(folder))
    return 0 if sharing() else 1


def random_lisa() -> ResSegmenter:
    """SAM: 480 pixels, 12 layers, 384 wide, a grid of 30 x 30; it answers `[SEG]</s>`."""
    torch.manual_seed(0)
    tokens = read_tokens(TOKENIZER, lisa_words.TOKENS)
    llama = LlamaConfig(
        vocab_size=len(tokens), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, tie_word_embeddings=False,
    )  # fmt: skip
    clip = CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, patch_size=14
    )
    sam = SamSizes(
        image_size=480, encoder_dim=384, encoder_depth=12, encoder_heads=6,
        encoder_global_attn_indexes=(2, 5, 8, 11), out_chans=32, decoder_heads=4, decoder_mlp_dim=128,
        iou_head_hidden_dim=32,
    )  # fmt: skip
    sizes = ResSizes(llama=llama, clip=clip, sam=sam, seg_id=tokens.ids["[SEG]"], out_dim=32)
    options = LisaOptions()
    family, caches = lisa(options), Caches.of(PLENTY)
    return teach_to_answer(ResSegmenter(LisaModel(sizes), tokens, family, options, NO_MODEL, caches), IMAGE)


def sharing() -> bool:
    """Prints the parts, the calls and their ratios; True if they are as good as they must be."""
    segmenter = random_lisa()
    print(f"LISA, random weights: one picture of {IMAGE.shape[1]} x {IMAGE.shape[0]}, medians of {ROUNDS}")
    encode_ms, decode_ms = parts(segmenter)
    together = timed("five expressions, one call", lambda: forgetful(segmenter, EXPRESSIONS))
    apart = timed(
        "five calls that share nothing", lambda: [forgetful(segmenter, [text]) for text in EXPRESSIONS]
    )
    segmenter.segment(IMAGE, EXPRESSIONS)
    repeated = timed("five expressions, picture seen before", lambda: segmenter.segment(IMAGE, EXPRESSIONS))
    limit = encode_ms + len(EXPRESSIONS) * decode_ms
    wins = [
        ratio("encode / one mask", encode_ms / decode_ms, LEAST_WEIGHT),
        ratio("five calls / one call", apart / together, LEAST_TOGETHER),
        ratio("new picture / picture seen before", together / repeated, LEAST_REPEATED),
    ]
    print(f"  one call takes {together / limit:.3f} x the limit, encode + 5 masks = {limit:.0f} ms")
    return all(wins)


def parts(segmenter: ResSegmenter) -> tuple[float, float]:
    """Milliseconds of a picture's encodes, and of one mask at the picture's size."""
    network = segmenter.network
    with torch.inference_mode():
        encoding = network.encode_image(IMAGE)
        vectors = torch.randn(len(EXPRESSIONS), network.sizes.out_dim)
        head, tails = segmenter._rows(EXPRESSIONS)
        encode_ms = timed("SAM and CLIP encode", lambda: network.encode_pixels(IMAGE))
        timed("reading the picture's half (kept, too)", lambda: network.read_prefix(encoding, head))
        prefix = network.read_prefix(encoding, head)
        timed("answers to five expressions", lambda: segmenter._vectors(prefix, tails))
        decode_ms = timed("one mask", lambda: network.decode_masks(encoding, vectors[:1]))
        timed("five masks in one call", lambda: network.decode_masks(encoding, vectors))
    return encode_ms, decode_ms


def forgetful(segmenter: ResSegmenter, expressions: tuple[str, ...] | list[str]) -> None:
    """A call that finds nothing kept."""
    segmenter._caches = Caches.of(PLENTY)
    segmenter.segment(IMAGE, expressions)


def beside_onnx(folder: Path) -> None:
    """One picture and five expressions; nothing is kept between the calls. CLIPSeg is a tiny one."""
    print("torch and ONNX Runtime: one picture, five expressions, nothing kept")
    export_micro(folder / "micro")
    write_clipseg(folder / "clipseg")
    export_clipseg(folder / "clipseg", folder / "clipseg-onnx")
    options = OnnxOptions()
    pairs: dict[str, tuple[Segmenter, Segmenter]] = {
        "micro": (MicroSegmenter(), OnnxMicroSegmenter(folder / "micro", NO_MODEL, options, "cpu")),
        "tiny CLIPSeg": (
            ClipSegSegmenter(folder / "clipseg", NO_MODEL, ClipSegOptions(), EncodingCache(0)),
            OnnxClipSegSegmenter(folder / "clipseg-onnx", NO_MODEL, options, "cpu"),
        ),
    }
    for name, (in_torch, in_onnx) in pairs.items():
        slow = timed(f"{name}, torch", lambda s=in_torch: s.segment(IMAGE, EXPRESSIONS), rounds=20)
        fast = timed(f"{name}, ONNX Runtime", lambda s=in_onnx: s.segment(IMAGE, EXPRESSIONS), rounds=20)
        print(f"    torch / ONNX Runtime {slow / fast:.2f}")


def timed(name: str, work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Prints and returns the median processor time of one call, in milliseconds; the first is not counted."""
    work()
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        spent.append((time.process_time() - start) * 1000)
    print(f"  {name:<42}{statistics.median(spent):9.1f} ms")
    return statistics.median(spent)


def ratio(name: str, value: float, least: float) -> bool:
    print(f"  {name:<42}{value:9.1f} x  (at least {least:.0f})")
    return value >= least


if __name__ == "__main__":
    sys.exit(main())
