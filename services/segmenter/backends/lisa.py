"""LISA from its model folders."""

from __future__ import annotations

from dataclasses import replace

from synres.domain.choice import BackendChoice
from synres.models.res_families import LisaOptions, lisa
from synres.models.res_folders import open_res
from synres.models.res_segmenter import ResSegmenter
from synres.stages.backends import options_of

DEFAULT_MODEL = "xinlai/LISA-7B-v1"


def load(choice: BackendChoice) -> ResSegmenter:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an unknown option."""
    options = options_of(choice, LisaOptions)
    return open_res(replace(choice, model=choice.model or DEFAULT_MODEL), lisa(options), options)
