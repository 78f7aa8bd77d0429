"""ITAG behind the Grouper port: no model, no GPU; the code is in `synres.domain.itag`."""

from __future__ import annotations

from synres.domain.digests import digest_json
from synres.domain.itag import itag
from synres.domain.types import GroupedImage, GroupParams, ModelInfo, SegmentedImage

VERSION = 1
"""A change of ITAG's output for equal input is a new version."""


class ItagGrouper:
    thread_safe = True
    model = ModelInfo("itag", digest_json(["itag", VERSION]), "Apache-2.0", bitwise=True)

    def group(self, segmented: SegmentedImage, params: GroupParams) -> GroupedImage:
        return itag(segmented, params)
