"""Opens ONNX graphs, and refuses the silent fall from the GPU to the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import onnxruntime

from synres.errors import BackendUnavailable

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
"""auto = cuda where the installed onnxruntime is built for it, else cpu."""
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def open_session(path: Path, device: Device) -> onnxruntime.InferenceSession:
    """Raises BackendUnavailable if the graph does not run where `device` says."""
    wanted = wanted_providers(device, onnxruntime.get_available_providers())
    options = onnxruntime.SessionOptions()
    # as in torch: results must not depend on the number of cores
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
    check_providers(wanted, session.get_providers())
    return session


def wanted_providers(device: Device, available: Sequence[str]) -> list[str]:
    """Execution providers to ask for; raises BackendUnavailable for "cuda" without a GPU build."""
    if device == "cpu" or (device == "auto" and _CUDA not in available):
        return [_CPU]
    if _CUDA not in available:
        raise BackendUnavailable(
            "this onnxruntime is built without CUDA: install synres[onnx-gpu] in place of synres[onnx],"
            " or set SYNRES_DEVICE=cpu"
        )
    return [_CUDA, _CPU]


def check_providers(wanted: Sequence[str], got: Sequence[str]) -> None:
    """onnxruntime-gpu runs on the CPU without a word where it finds no GPU; here that is an error."""
    if wanted[0] not in got:
        raise BackendUnavailable(
            f"onnxruntime was asked for {wanted[0]} and took {', '.join(got)}: mend the GPU driver and its"
            " libraries, or set SYNRES_DEVICE=cpu to run on the CPU on purpose"
        )
