"""CLIPSeg from its model folder."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.models.clipseg import CODE_VERSION, ClipSegOptions, ClipSegSegmenter
from synres.models.devices import torch_device
from synres.models.encoding_cache import EncodingCache
from synres.models.folders import model_info, open_model
from synres.settings import ModelSettings, load_settings
from synres.stages.backends import options_of

DEFAULT_MODEL = "CIDAS/clipseg-rd64-refined"


def load(choice: BackendChoice) -> ClipSegSegmenter:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an unknown option."""
    options = options_of(choice, ClipSegOptions)
    folder = open_model(choice.model or DEFAULT_MODEL)
    cache = EncodingCache(load_settings(ModelSettings).encoding_cache_bytes)
    info = model_info(choice.backend, CODE_VERSION, folder)
    return ClipSegSegmenter(folder.path, info, options, cache, torch_device())
