"""Grounds and the shifted domains: night, fog, sketch, aerial (whose objects are tiny: see `scene`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synres.microworld.shapes import Field

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def paint_background(rng: np.random.Generator, domain: str, side: int) -> Field:
    """(side, side, 3) float32 in about [0, 255]: a dull tint with cloudy texture; fields for "aerial"."""
    if domain == "aerial":
        return _fields(rng, side)
    tint = rng.uniform(70, 175) + rng.uniform(-16, 16, 3)
    return tint.astype(np.float32) + _clouds(rng, side, int(rng.integers(4, 13)), 22.0)[..., None]


def _clouds(rng: np.random.Generator, side: int, cells: int, amplitude: float) -> Field:
    coarse = rng.standard_normal((cells, cells), dtype=np.float32) * np.float32(amplitude)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BILINEAR))


def _fields(rng: np.random.Generator, side: int) -> Field:
    palette = np.array(
        [[92, 104, 70], [120, 112, 84], [78, 92, 80], [138, 130, 110], [104, 96, 88]], np.float32
    )
    cells = int(rng.integers(3, 6))
    plots = palette[rng.integers(len(palette), size=(cells, cells))]
    edges = np.sort(rng.integers(0, side, (2, cells - 1)), axis=1)
    rows, columns = (np.searchsorted(edge, np.arange(side), side="right") for edge in edges)
    return plots[rows[:, None], columns[None, :]] + _clouds(rng, side, side // 3, 9.0)[..., None]


def shift(rng: np.random.Generator, canvas: Field, objects: NDArray[np.bool_], domain: str) -> Field:
    """Changes the drawn picture (float32) as the domain has it. "day" and "aerial" leave it as it is."""
    if domain == "night":
        return _night(rng, canvas)
    if domain == "fog":
        return _fog(rng, canvas)
    if domain == "sketch":
        return _sketch(rng, canvas, objects)
    return canvas


def _night(rng: np.random.Generator, canvas: Field) -> Field:
    gain = np.float32(rng.uniform(0.24, 0.4)) * np.array([0.85, 0.92, 1.15], np.float32)
    noise = rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(6)
    found: Field = canvas * gain + np.array([4, 6, 16], np.float32) + noise
    return found


def _fog(rng: np.random.Generator, canvas: Field) -> Field:
    side = len(canvas)
    density = np.float32(rng.uniform(0.5, 0.72)) + _clouds(rng, side, 4, 0.06)
    ramp = np.linspace(0.1, -0.1, side, dtype=np.float32)[:, None]
    veil = np.clip(density + ramp, 0, 0.85)[..., None]
    found: Field = canvas * (1 - veil) + np.float32(rng.uniform(180, 215)) * veil
    return found


def _sketch(rng: np.random.Generator, canvas: Field, objects: NDArray[np.bool_]) -> Field:
    """Pale fills on paper, with pencil where the drawing changes brightness."""
    luma = canvas @ _LUMA
    slope = np.hypot(*np.gradient(luma)).astype(np.float32)
    paper = np.float32(rng.uniform(225, 245))
    wash = np.where(objects, np.float32(rng.uniform(0.3, 0.45)), np.float32(0.06))[..., None]
    pencil = np.clip(slope / 45, 0, 0.8)[..., None]
    found: Field = (paper + (canvas - paper) * wash) * (1 - pencil) + np.float32(50) * pencil
    return found
