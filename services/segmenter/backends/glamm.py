"""GLaMM from its model folders."""

from __future__ import annotations

from synres.domain.choice import BackendChoice
from synres.models.res_families import ResOptions, glamm
from synres.models.res_folders import open_segmenter
from synres.ports import Segmenter
from synres.stages.backends import options_of


def load(choice: BackendChoice, weights: bytes | None = None) -> Segmenter:
    """Raises BackendUnavailable for a model that is not there, InvalidInput for an unknown option, and
    ArtifactCorrupt for weights of another model."""
    options = options_of(choice, ResOptions)
    return open_segmenter(choice, glamm(options), options, weights)
