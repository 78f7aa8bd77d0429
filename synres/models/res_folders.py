"""Segmenters of LISA, GSVA and GLaMM from model folders."""

from __future__ import annotations

from dataclasses import replace

from synres.domain.choice import BackendChoice
from synres.domain.digests import digest_bytes, digest_json
from synres.domain.types import ModelInfo
from synres.models.devices import torch_device
from synres.models.folders import model_info
from synres.models.lora import LoraSizes, merge_lora
from synres.models.res_families import DEFAULT_MODELS, ResFamily, ResOptions
from synres.models.res_open import PRECISIONS, ResParts, find_res, open_network
from synres.models.res_segmenter import Caches, ResSegmenter
from synres.models.res_training import PUBLISHED_ALPHA
from synres.settings import ModelSettings, load_settings

CODE_VERSION = 1


def open_res(
    choice: BackendChoice, family: ResFamily, options: ResOptions, trained: bytes | None = None
) -> ResSegmenter:
    """The segmenter of `choice`, with what a training has left of it, if given. Its ModelInfo counts
    every folder that it is made of.

    Raises as `find_res` and `open_network` do.
    """
    parts = find_res(choice.model or DEFAULT_MODELS[choice.backend], family, options)
    # a training's adapters are written for one alpha, a checkpoint's for that of whoever trained it
    alpha = options.lora_alpha if trained is None else PUBLISHED_ALPHA
    network = open_network(parts, trained, lora=LoraSizes(alpha=alpha), dtype=PRECISIONS[options.precision])
    merge_lora(network)
    caches = Caches.of(load_settings(ModelSettings).encoding_cache_bytes)
    info = _info(choice, parts, trained)
    return ResSegmenter(network.to(torch_device()), parts.tokens, family, options, info, caches)


def _info(choice: BackendChoice, parts: ResParts, trained: bytes | None) -> ModelInfo:
    info = model_info(choice.backend, CODE_VERSION, *parts.folders)
    if trained is None:
        return info
    return replace(info, digest=digest_json([info.digest, digest_bytes(trained)]))
