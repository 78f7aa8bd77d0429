"""Colour names by the nearest prototype in CIELAB, and shifts of colour that keep light and texture.

sRGB to CIELAB under D65: IEC 61966-2-1 and CIE 15. Distances are CIE76 (Euclidean in L*, a*, b*).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from synres.data.pixels import smoothed
from synres.ports import Mask

Lab = NDArray[np.float32]
"""(..., 3): L* in 0..100, a* and b* about -128..127."""

PROTOTYPES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((0, 0, 0), (28, 28, 30)),
    "white": ((255, 255, 255), (232, 234, 236)),
    "grey": ((128, 128, 128), (85, 85, 88), (178, 178, 180)),
    "red": ((205, 32, 32), (140, 20, 24), (225, 70, 50)),
    "orange": ((240, 140, 30), (222, 105, 25)),
    "yellow": ((245, 220, 60), (215, 185, 45)),
    "green": ((55, 160, 65), (20, 90, 45), (130, 185, 75)),
    "blue": ((45, 85, 210), (25, 40, 100), (95, 160, 230)),
    "purple": ((125, 55, 165), (80, 35, 110)),
    "pink": ((245, 150, 190), (230, 60, 150)),
    "brown": ((125, 78, 42), (82, 52, 32)),
    "beige": ((222, 200, 165), (200, 172, 135)),
}
"""Each name with sRGB examples of it; the first is the one that `shift_colour` aims at."""
COLOURS: tuple[str, ...] = tuple(PROTOTYPES)
VIVID: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "pink")
"""Colours that dyed things really have; a person dyed white looks like a ghost."""
_LIGHT_REACH, _HUE_REACH = 40.0, 11.0
"""How far from the main colour, in L* and across a*, b*, pixels follow it. Skin is 20 off a grey shirt."""
_KEPT_LIGHT, _KEPT_DEPTH = 0.8, 0.5
"""What remains of variation in light and in chroma."""
_FOLLOW_BLUR = 0.8
_BITS = 5
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
_WHITE = np.array([0.95047, 1.0, 1.08883])
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27


def to_lab(rgb: NDArray[np.uint8]) -> Lab:
    """sRGB (..., 3) uint8 -> CIELAB."""
    xyz = _linear_of_byte()[rgb] @ (_TO_XYZ.T / _WHITE)
    f = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def from_lab(lab: Lab) -> NDArray[np.uint8]:
    """CIELAB (..., 3) -> sRGB uint8; colours outside sRGB are clipped."""
    y = (lab[..., 0].astype(np.float64) + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], axis=-1)
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    rgb: NDArray[np.uint8] = np.rint(255 * srgb).astype(np.uint8)
    return rgb


def colour_shares(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(N, 3) sRGB -> (len(COLOURS),): the share of the pixels nearest to each name; all 0 without pixels."""
    return np.bincount(_names_of(pixels), minlength=len(COLOURS)) / max(1, len(pixels))


def shift_colour(rgb: NDArray[np.uint8], colour: str, mask: Mask) -> NDArray[np.uint8]:
    """(H, W, 3) -> the same with the main colour inside `mask` moved to `colour`; an empty mask moves none.

    Pixels near the main colour (that of the name which most have) move whole, others less with distance, so
    that a face stays a face when a shirt changes. Light and texture stay: L* keeps its variation around a
    moved mean. Pixels outside the mask move by the same rule, so that a mask drawn too small leaves no rim.
    """
    if not mask.any():
        return rgb
    lab = to_lab(rgb)
    main = _main_colour(rgb[mask], lab[mask])
    goal = to_lab(np.array(PROTOTYPES[colour][0], np.uint8))
    light, depth, hue = _differences(lab, main)
    far = np.sqrt((light / _LIGHT_REACH) ** 2 + depth**2 + (hue / _HUE_REACH) ** 2)
    moved = np.empty_like(lab)
    moved[..., 0] = np.clip(goal[0] + _KEPT_LIGHT * light, 0, 100)
    moved[..., 1:] = goal[1:] * (1 + _KEPT_DEPTH * np.clip(depth, -1, 1))[..., None]
    follow = smoothed(np.exp(-(far**3)), _FOLLOW_BLUR)[..., None]
    return from_lab((lab + follow * (moved - lab)).astype(np.float32))


def _differences(lab: Lab, main: Lab) -> tuple[Lab, Lab, Lab]:
    """From the main colour: in L*; in chroma, as a share of what shading may take; and across, in a*, b*.

    Shade and gloss change the chroma of a deep colour much more than its hue.
    """
    chroma = float(np.hypot(main[1], main[2]))
    along = main[1:] / max(chroma, 1e-6)
    off = lab[..., 1:] - main[1:]
    depth: Lab = (off @ along / max(_HUE_REACH, 0.6 * chroma)).astype(np.float32)
    hue = off[..., 0] * along[1] - off[..., 1] * along[0]
    # A grey has no hue to run along: all of its difference counts as hue.
    return lab[..., 0] - main[0], depth, hue if chroma > _HUE_REACH else np.linalg.norm(off, axis=-1)


def _main_colour(pixels: NDArray[np.uint8], lab: Lab) -> Lab:
    names = _names_of(pixels)
    main: Lab = np.median(lab[names == np.bincount(names).argmax()], axis=0)
    return main


def _names_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    codes = pixels >> (8 - _BITS)
    names: NDArray[np.uint8] = _names()[codes[:, 0], codes[:, 1], codes[:, 2]]
    return names


@cache
def _linear_of_byte() -> NDArray[np.float64]:
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@cache
def _names() -> NDArray[np.uint8]:
    """Index of the nearest name for each colour of a 32 x 32 x 32 grid: naming a pixel is a look-up."""
    levels = ((np.arange(1 << _BITS) + 0.5) * (256 >> _BITS)).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)
    examples = [(index, rgb) for index, name in enumerate(COLOURS) for rgb in PROTOTYPES[name]]
    labs = to_lab(np.array([rgb for _, rgb in examples], np.uint8))
    distances = np.linalg.norm(to_lab(grid)[..., None, :] - labs, axis=-1)
    nearest: NDArray[np.uint8] = np.array([index for index, _ in examples], np.uint8)[distances.argmin(-1)]
    return nearest
