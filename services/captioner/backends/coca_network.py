"""open_clip's CoCa (Yu et al. 2022, arXiv 2205.01917) from a model folder: encodes pictures once, tells next
tokens, compares texts with pictures. Its own `generate` needs a class that transformers no longer has.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from open_clip import get_model_config, list_models
from open_clip.coca_model import CoCa
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image as PilImage
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from services.captioner.backends.coca_decoding import Grammar, NextLogits
from synres.domain.types import Expression
from synres.errors import BackendUnavailable, RejectedItem
from synres.models.folders import ModelFolder
from synres.models.weight_files import read_tensors
from synres.ports import Image

_CONFIG = "open_clip_config.json"
_WEIGHTS = (".safetensors", ".bin")
_NAME = re.compile(r"CoCa-(ViT-[A-Za-z]-\d+)", re.IGNORECASE)
_PARTS = ("embed_dim", "vision_cfg", "text_cfg", "multimodal_cfg", "quick_gelu")
_ROWS = 64
"""Texts decoded at once: each has logits of 49,408 words for each of its tokens."""
_SPECIAL = re.compile(r"<(?=(?:start|end)_of_text>)", re.IGNORECASE)
# the tokenizer puts a space behind every word, and these are words to it
_LOOSE = re.compile(r" (?='(?:s|t|re|ve|m|ll|d)\b|[,;:!?])")


@dataclass(frozen=True, slots=True)
class Seen:
    """Encoded pictures: unit vectors (n, width), and what the text decoder looks at (n, tokens, width)."""

    vectors: Tensor
    tokens: Tensor


class CocaNetwork:
    """float32 on `device`."""

    def __init__(self, folder: ModelFolder, device: str = "cpu") -> None:
        """Raises BackendUnavailable for a folder that is no CoCa of open_clip."""
        config, preprocessing = read_config(folder)
        self.network = build_network(config)
        _load_weights(self.network, folder)
        self.network.eval().to(device)
        self.longest = min(self.network.text.context_length, self.network.context_length) - 2
        self._device = device
        self._tokenizer = SimpleTokenizer(context_length=self.network.text.context_length)
        size = self.network.visual.image_size
        self._transform = image_transform_v2(PreprocessCfg(**preprocessing | {"size": size}), is_train=False)

    def encode(self, squares: Sequence[Image]) -> Seen:
        """Square pictures of any size, all in one pass of the image encoder."""
        pixels = torch.stack([self._transform(PilImage.fromarray(square)) for square in squares])
        seen = self.network(pixels.to(self._device))
        return Seen(seen["image_features"], seen["image_embs"])

    def next_logits(self, seen: Seen, index: int) -> NextLogits:
        """Of texts about picture `index`, which is not encoded again; logits lie on the CPU."""
        tokens = seen.tokens[index : index + 1]
        return lambda ids: torch.cat([self._step(tokens, part) for part in ids.split(_ROWS)])

    def _step(self, tokens: Tensor, ids: Tensor) -> Tensor:
        decoder = self.network.text_decoder
        text = self.network.text(ids.to(self._device))[1]
        shape, mask = text.shape, decoder.attn_mask[: text.shape[1], : text.shape[1]]
        for block, look in zip(decoder.resblocks, decoder.cross_attn, strict=True):
            text = block(text, attn_mask=mask)
            # the picture is open to every token of every text: as one text, they share its keys and values
            text = look(text.reshape(1, -1, shape[2]), k_x=tokens, v_x=tokens).view(shape)
        logits = decoder.ln_final(text[:, -1]) @ decoder.text_projection
        return logits.float().cpu()

    def encode_texts(self, expressions: Sequence[Expression]) -> Tensor:
        """Unit vectors (n, width); raises RejectedItem for an expression that would lose its end unseen.

        Text is text: "<end_of_text>" inside an expression is spelled out, never the token of that name.
        """
        texts = [_SPECIAL.sub("< ", expression) for expression in expressions]
        for text in texts:
            if (length := len(self._tokenizer.encode(text))) > self.longest:
                raise RejectedItem(
                    "expression_too_long",
                    f'the expression "{text[:60]}..." has {length} tokens; this model reads {self.longest}',
                )
        # the whole context, padding and all: the position of the pooling token is the last
        vectors = self.network.encode_text(self._tokenizer(texts).to(self._device))
        return F.normalize(vectors, dim=-1)

    def grammar(self, min_tokens: int, max_tokens: int) -> Grammar:
        """Lengths as asked for; padding is never said, as its id is a word's too."""
        start, end = self._tokenizer.sot_token_id, self._tokenizer.eot_token_id
        return Grammar(start, end, (start, self.network.pad_id), min_tokens, max_tokens)

    def spell(self, ids: Sequence[int]) -> str:
        """Token ids -> text; bytes that are no UTF-8 become U+FFFD."""
        return _LOOSE.sub("", self._tokenizer.decode(ids).strip())


def build_network(config: Mapping[str, Any]) -> CoCa:
    """Without weights, from open_clip's configuration."""
    return CoCa(**{name: config[name] for name in _PARTS if name in config})


def read_config(folder: ModelFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    """open_clip's configuration of the model and of its preprocessing.

    The published folders hold weights alone: then the folder's name tells which of open_clip's own
    configurations it is. Raises BackendUnavailable when neither does, or for towers of other libraries, which
    open_clip would fetch from the network.
    """
    path = folder.path / _CONFIG
    described = _read_json(path) if path.is_file() else {"model_cfg": _known_config(folder.name)}
    config = described.get("model_cfg")
    if not isinstance(config, dict) or "multimodal_cfg" not in config:
        raise BackendUnavailable(f"model {folder.name} is no CoCa: {_CONFIG} lacks model_cfg.multimodal_cfg")
    foreign = [name for part in ("vision_cfg", "text_cfg") for name in config.get(part, {})
               if name.startswith(("hf_", "timm_"))]  # fmt: skip
    if foreign:
        raise BackendUnavailable(f"model {folder.name} asks for {foreign[0]}; towers must be open_clip's own")
    return config, described.get("preprocess_cfg", {})


def _known_config(name: str) -> dict[str, Any]:
    found = _NAME.search(name)
    config = get_model_config(f"coca_{found[1]}") if found else None
    if config is None:
        known = ", ".join(model for model in list_models() if model.startswith("coca_ViT"))
        raise BackendUnavailable(
            f"model {name} holds no {_CONFIG} and its name tells no architecture: add the file, or name it as"
            f" owner/CoCa-ViT-B-32-anything after one of {known}"
        )
    return config


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text())
    except ValueError as error:
        raise BackendUnavailable(f"{path} is not JSON: {error}") from error
    return read if isinstance(read, dict) else {}


def _load_weights(network: CoCa, folder: ModelFolder) -> None:
    files = sorted((name for name in folder.files if name.endswith(_WEIGHTS)), key=_pickled_last)
    if not files:
        raise BackendUnavailable(f"model {folder.name} holds no .safetensors and no .bin file")
    tensors = read_tensors([folder.path / files[0]])
    try:
        missing, unexpected = network.load_state_dict(tensors, strict=False)
    except RuntimeError as error:
        told = " ".join(str(error).split())[:500]
        raise _misfit(folder, files[0], told) from error
    if missing or unexpected:
        raise _misfit(folder, files[0], f"missing {_few(missing)}; unexpected {_few(unexpected)}")


def _pickled_last(name: str) -> tuple[bool, str]:
    return name.endswith(".bin"), name


def _misfit(folder: ModelFolder, file: str, why: str) -> BackendUnavailable:
    return BackendUnavailable(f"{file} of model {folder.name} does not fit its configuration: {why}")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "") or "none"
