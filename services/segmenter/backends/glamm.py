"""GLaMM from its model folders."""

from __future__ import annotations

from dataclasses import replace

from synres.domain.choice import BackendChoice
from synres.models.res_families import ResOptions, glamm
from synres.models.res_folders import open_res
from synres.models.res_segmenter import ResSegmenter
from synres.stages.backends import options_of

DEFAULT_MODEL = "MBZUAI/GLaMM-RefSeg"


def load(choice: BackendChoice) -> ResSegmenter:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an unknown option."""
    options = options_of(choice, ResOptions)
    return open_res(replace(choice, model=choice.model or DEFAULT_MODEL), glamm(options), options)
