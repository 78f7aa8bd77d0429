"""How often the learned micro models say and draw what they should, as a classifier sees it.

Neither model learns from the classifier.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

import numpy as np

from services.cli.results import Results
from synres.data.images import decode_image
from synres.domain.masks import decode_mask
from synres.domain.seeds import rng
from synres.domain.types import CaptionedSample

OBJECTS, PICTURES = 200, 96
Shares = Mapping[str, float]
"""Attribute, or "all" stated ones together -> share in [0, 1]."""


def measured_attributes(results: Results) -> dict[str, Shares]:
    """For each chain with a learned micro model: "<chain>: expressions", "<chain>: pictures" -> shares.

    Empty without torch, which the image of the command line does not have.

    Expressions are judged on the objects that were captioned; pictures are single objects drawn anew for the
    run's prompts, since in a composed picture the object asked for has look-alikes beside it.
    """
    found: dict[str, Shares] = {}
    if find_spec("torch") is None:
        return found
    for name, chain in results.spec.method.synthesis.items():
        rows = _captioned(results, name)
        if chain.caption.backend == "micro" and rows:
            found[f"{name}: expressions"] = _expressions(results, rows[:OBJECTS])
        if chain.generate.backend == "micro" and rows:
            found[f"{name}: pictures"] = _pictures(rows[:PICTURES])
    return found


def _captioned(results: Results, chain: str) -> list[CaptionedSample]:
    digests = results.outputs("caption", chain)
    return [row for digest in digests for row in results.ledger.get_rows(digest, CaptionedSample)]


def _expressions(results: Results, rows: list[CaptionedSample]) -> Shares:
    from services.captioner.backends.micro import object_window
    from synres.models.micro_audit import audit, load_audit, requested_words

    windows, requested = [], []
    for row in rows:
        image = decode_image(results.ledger.get_blob(row.sample.image.digest))
        window = object_window(image, decode_mask(row.sample.mask))
        stated = [requested_words(expression) for prompt in row.prompts for expression in prompt]
        windows += [window] * len(stated)
        requested += stated
    return audit(load_audit(), np.stack(windows), requested)


def _pictures(rows: list[CaptionedSample]) -> Shares:
    from services.generator.backends.micro import GUIDANCE, MicroGenerator, read_prompt
    from synres.domain.prompts import composite_prompt
    from synres.microworld.layouts import conform
    from synres.microworld.scene import random_attributes
    from synres.models.micro_audit import ATTRIBUTES, audit, load_audit

    generator = rng(0, "measured_attributes")
    prompts = [read_prompt(composite_prompt(row.prompts[0])) for row in rows]
    wanted = [conform(generator, random_attributes(generator), prompt) for prompt in prompts]
    drawn = MicroGenerator().draw(wanted, [GUIDANCE] * len(wanted), 0)
    requested = [{name: str(getattr(one, name)) for name in ATTRIBUTES} for one in wanted]
    return audit(load_audit(), drawn, requested)
