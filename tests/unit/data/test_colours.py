"""Colour names and colour shifts in CIELAB."""

from __future__ import annotations

import numpy as np
import pytest

from synres.data.colours import COLOURS, PROTOTYPES, colour_shares, from_lab, shift_colour, to_lab


def test_lab_of_known_colours() -> None:
    """Values of CIE 15 for sRGB's corners: white, black, red, and mid grey."""
    rgb = np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0], [119, 119, 119]], np.uint8)
    expected = [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20], [50.03, 0, 0]]
    assert np.allclose(to_lab(rgb), expected, atol=0.02)


def test_lab_round_trip() -> None:
    """Every colour of a grid comes back exactly."""
    grid = np.stack(np.meshgrid(*[np.arange(0, 256, 15)] * 3), axis=-1).astype(np.uint8)
    assert np.array_equal(from_lab(to_lab(grid)), grid)


@pytest.mark.parametrize("name", COLOURS)
def test_every_example_has_its_own_name(name: str) -> None:
    """The examples of a name are nearest to that name, so the table does not contradict itself."""
    for rgb in PROTOTYPES[name]:
        image = np.full((4, 4, 3), rgb, np.uint8)
        assert colour_shares(image.reshape(-1, 3))[COLOURS.index(name)] == 1.0


def test_shares_count_masked_pixels_only() -> None:
    """Half red and half blue inside the mask; what lies outside does not count."""
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, 0], image[:, 1] = PROTOTYPES["red"][0], PROTOTYPES["blue"][0]
    mask = np.array([[True, True, False, False]] * 2)
    shares = colour_shares(image[mask])
    assert shares[COLOURS.index("red")] == shares[COLOURS.index("blue")] == 0.5
    assert colour_shares(image[:0, 0]).sum() == 0


@pytest.mark.parametrize("name", COLOURS)
def test_a_shift_reaches_its_colour_and_keeps_texture(name: str) -> None:
    """A shaded green patch becomes each colour by name, its light still running the same way."""
    light = np.linspace(35, 65, 32)
    lab = np.stack(np.broadcast_arrays(light, -40.0, 35.0), axis=-1)[None].repeat(8, axis=0)
    patch, mask = from_lab(lab.astype(np.float32)), np.ones((8, 32), np.bool_)
    shifted = shift_colour(patch, name, mask)
    shares = colour_shares(shifted[mask])
    assert COLOURS[int(shares.argmax())] == name
    assert (np.diff(to_lab(shifted)[0, :, 0]) >= -0.5).all()


def test_a_shift_leaves_other_colours_alone() -> None:
    """Red shirt, beige face: turning the object blue keeps the face beige."""
    image = np.full((10, 10, 3), PROTOTYPES["red"][0], np.uint8)
    image[:3] = PROTOTYPES["beige"][0]
    shifted = shift_colour(image, "blue", np.ones((10, 10), np.bool_))
    assert colour_shares(shifted[0])[COLOURS.index("beige")] == 1.0
    assert colour_shares(shifted[5])[COLOURS.index("blue")] == 1.0
