"""Outlines and textures as functions of position, in numpy.

Outlines take unit coordinates `u`, `v` (float32, the object fills about [-1, 1]) and return a signed
distance in the same unit, negative inside. Textures take coordinates in pixels and return the share of the
second tone, in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[Any]


def _circle(u: Field, v: Field) -> Field:
    return np.hypot(u, v) - np.float32(0.92)


def _ring(u: Field, v: Field) -> Field:
    return np.abs(np.hypot(u, v) - np.float32(0.72)) - np.float32(0.24)


def _crescent(u: Field, v: Field) -> Field:
    found: Field = np.maximum(np.hypot(u, v) - 1, np.float32(0.78) - np.hypot(u - np.float32(0.55), v))
    return found


def _box(u: Field, v: Field, width: float, height: float) -> Field:
    return np.maximum(np.abs(u) - np.float32(width), np.abs(v) - np.float32(height))


def _square(u: Field, v: Field) -> Field:
    return _box(u, v, 0.76, 0.76)


def _bar(u: Field, v: Field) -> Field:
    return _box(u, v, 1.0, 0.36)


def _cross(u: Field, v: Field) -> Field:
    return np.minimum(_box(u, v, 0.95, 0.32), _box(u, v, 0.32, 0.95))


def _triangle(u: Field, v: Field) -> Field:
    return np.maximum(np.abs(u) * np.float32(0.866) + v * np.float32(0.5), -v) - np.float32(0.52)


def _star(u: Field, v: Field) -> Field:
    sector = 2 * math.pi / 5
    folded = np.abs(np.mod(np.arctan2(v, u), np.float32(sector)) - np.float32(sector / 2))
    radius = np.hypot(u, v)
    outer = np.array([math.cos(sector / 2), math.sin(sector / 2)])
    edge = outer - np.array([0.45, 0.0])
    normal = np.array([edge[1], -edge[0]]) / np.hypot(*edge)
    nx, ny = np.float32(normal[0]), np.float32(normal[1])
    return (radius * np.cos(folded) - np.float32(0.45)) * nx + radius * np.sin(folded) * ny


OUTLINES: dict[str, Callable[[Field, Field], Field]] = {
    "circle": _circle, "ring": _ring, "crescent": _crescent, "square": _square,
    "triangle": _triangle, "bar": _bar, "star": _star, "cross": _cross,
}  # fmt: skip


def _wave(p: Field, period: float) -> Field:
    return np.sin(p * np.float32(2 * math.pi / period))


def _sharpen(wave: Field) -> Field:
    found: Field = np.clip(np.float32(0.5) + np.float32(1.6) * wave, 0, 1)
    return found


def _plain(x: Field, y: Field, period: float) -> Field:
    return np.zeros_like(x)


def _striped(x: Field, y: Field, period: float) -> Field:
    return _sharpen(_wave(x, period))


def _dotted(x: Field, y: Field, period: float) -> Field:
    bumps = np.cos(x * np.float32(2 * math.pi / period)) + np.cos(y * np.float32(2 * math.pi / period))
    return _sharpen(bumps - np.float32(0.75))


def _checkered(x: Field, y: Field, period: float) -> Field:
    return _sharpen(_wave(x, 1.5 * period) * _wave(y, 1.5 * period) * np.float32(1.5))


PATTERNS: dict[str, Callable[[Field, Field, float], Field]] = {
    "plain": _plain, "striped": _striped, "dotted": _dotted, "checkered": _checkered,
}  # fmt: skip
