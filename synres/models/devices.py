"""Where torch networks run."""

from __future__ import annotations

import torch

from synres.errors import BackendUnavailable
from synres.settings import ModelSettings, load_settings


def torch_device() -> str:
    """ "cuda" or "cpu", as `SYNRES_DEVICE` says; raises BackendUnavailable for a GPU that torch does not see.

    On the CPU one thread inside an operation: only so do equal inputs give equal bytes (L3).
    """
    wanted = load_settings(ModelSettings).device
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise BackendUnavailable("torch sees no GPU: mend the driver, or set SYNRES_DEVICE=cpu")
    if wanted == "cpu" or not there:
        torch.set_num_threads(1)
        return "cpu"
    return "cuda"
