"""SAM 3 from its model folder."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.models.devices import torch_device
from synres.models.encoding_cache import EncodingCache
from synres.models.folders import model_info, open_model
from synres.models.sam3 import CODE_VERSION, Sam3Options, Sam3Segmenter
from synres.settings import ModelSettings, load_settings
from synres.stages.backends import options_of

DEFAULT_MODEL = "facebook/sam3"


def load(choice: BackendChoice) -> Sam3Segmenter:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an unknown option."""
    options = options_of(choice, Sam3Options)
    folder = open_model(choice.model or DEFAULT_MODEL)
    cache = EncodingCache(load_settings(ModelSettings).encoding_cache_bytes)
    info = model_info(choice.backend, CODE_VERSION, folder)
    return Sam3Segmenter(folder.path, info, options, cache, torch_device())
