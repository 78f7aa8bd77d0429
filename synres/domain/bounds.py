"""The most that may be asked of a stage for one sample or one step: in a spec and in a call alike."""

from __future__ import annotations

from synres.domain.masks import MAX_MASKS

MAX_EXPRESSIONS = MAX_MASKS
"""Of one prompt, or of one training picture: each becomes a mask, and only so many can be compared."""
MAX_PROMPTS = 16
"""Of one sample; its expressions are drawn in one call."""
MAX_IMAGES = 256
"""Of one prompt: they are painted, and held in memory, together."""
MAX_BATCH = 4096
"""Pictures of one training step."""
