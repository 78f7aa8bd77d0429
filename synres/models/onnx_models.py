"""Pulled models as ONNX models of their own, beside them in the models folder."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from synres.errors import InvalidInput
from synres.models.folders import ModelFolder, folder_of, models_dir, open_model, register_folder
from synres.models.onnx_export import export_clipseg, export_mask_decoder, export_micro
from synres.models.res_families import GsvaOptions, LisaOptions, ResOptions, glamm, gsva, lisa
from synres.models.res_open import find_res, open_network

MICRO = "micro"
_MICRO_LICENCE = "Apache-2.0"
_FAMILIES = {"lisa": lisa(LisaOptions()), "gsva": gsva(GsvaOptions()), "glamm": glamm(ResOptions())}


def export_model(name: str, new_name: str) -> ModelFolder:
    """`name` ("micro", a CLIPSeg, or a LISA-like model, whose mask decoder is taken) as model `new_name`.

    Whole or not at all. Raises InvalidInput for another kind of model or a name that is taken, and what
    opening the model raises.
    """
    target = folder_of(new_name)
    if target.exists():
        raise InvalidInput(f"there is a model {new_name} already: give another name, or remove {target}")
    licence = _MICRO_LICENCE if name == MICRO else open_model(name).licence
    models_dir().mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=models_dir(), prefix=".export-"))
    try:
        _export(name, unfinished)
        folder = register_folder(unfinished, new_name, "onnx", licence)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return open_model(folder.name)


def _export(name: str, folder: Path) -> None:
    if name == MICRO:
        return export_micro(folder)
    model = open_model(name)
    if model.backend == "clipseg":
        return export_clipseg(model.path, folder)
    if model.backend in _FAMILIES:
        parts = find_res(name, _FAMILIES[model.backend], ResOptions())
        return export_mask_decoder(open_network(parts).sam.eval(), folder)
    raise InvalidInput(
        f"model {name} of backend {model.backend} cannot be exported:"
        " micro, CLIPSeg, LISA, GSVA and GLaMM can"
    )
