"""Exported graphs in ONNX Runtime, from the folder that `synres models export-onnx` made."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.errors import BackendUnavailable, InvalidInput
from synres.models.folders import model_info, open_model
from synres.models.onnx_segmenters import (
    CODE_VERSION,
    MASK_GRAPH,
    MICRO_GRAPH,
    OnnxClipSegSegmenter,
    OnnxMicroSegmenter,
    OnnxOptions,
)
from synres.ports import Segmenter
from synres.settings import ModelSettings, load_settings
from synres.stages.backends import options_of


def load(choice: BackendChoice) -> Segmenter:
    """Raises InvalidInput without a model or for an unknown option, BackendUnavailable for a model that is
    not there, is no export of a segmenter, or does not run where `SYNRES_DEVICE` says."""
    if not choice.model:
        raise InvalidInput("backend onnx needs a model: the name given to `synres models export-onnx`")
    options = options_of(choice, OnnxOptions)
    folder = open_model(choice.model)
    info = model_info(choice.backend, CODE_VERSION, folder)
    device = load_settings(ModelSettings).device
    if MICRO_GRAPH in folder.files:
        return OnnxMicroSegmenter(folder.path, info, options, device)
    if MASK_GRAPH in folder.files:
        return OnnxClipSegSegmenter(folder.path, info, options, device)
    raise BackendUnavailable(
        f"model {folder.name} is no exported segmenter: export micro or a CLIPSeg, or use its own backend"
    )
