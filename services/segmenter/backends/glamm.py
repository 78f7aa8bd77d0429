"""GLaMM from its model folders."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.models.res_families import ResOptions, glamm
from synres.models.res_folders import open_res
from synres.models.res_segmenter import ResSegmenter
from synres.stages.backends import options_of


def load(choice: BackendChoice, weights: bytes | None = None) -> ResSegmenter:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an unknown option, and
    ArtifactCorrupt for weights of another model."""
    options = options_of(choice, ResOptions)
    return open_res(choice, glamm(options), options, weights)
