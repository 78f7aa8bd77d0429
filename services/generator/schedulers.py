"""The samplers that flow models may be drawn with."""

from __future__ import annotations

from typing import Any

from diffusers import DPMSolverMultistepScheduler, FlowMatchEulerDiscreteScheduler

from synres.errors import InvalidInput


def make_scheduler(name: str, stored: Any) -> Any:
    """`stored` itself for "default"; else the named sampler with the stored one's shift.

    Raises InvalidInput unless `stored` predicts flow: another kind of model would draw noise.
    """
    if name == "default":
        return stored
    if stored.config.get("prediction_type") != "flow_prediction" and "FlowMatch" not in type(stored).__name__:
        raise InvalidInput(
            f"scheduler {name} is for flow models, and this one has {type(stored).__name__}: use default"
        )
    shift = stored.config.get("flow_shift", stored.config.get("shift"))
    if name == "flow_euler":
        return FlowMatchEulerDiscreteScheduler(shift=shift)
    return DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift
    )
