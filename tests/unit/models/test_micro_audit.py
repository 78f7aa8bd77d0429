"""The audit classifier: right about what the renderer draws, and its sums come out by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from synres.errors import BackendUnavailable
from synres.microworld.render import single_object_picture
from synres.models.micro_audit import (
    ATTRIBUTES,
    FILE,
    WEIGHTS,
    audit,
    classify,
    load_audit,
    requested_words,
)
from synres.models.shipped import load_shipped, save_shipped


def test_accuracy_on_clean_renders() -> None:
    """At least 97% of every attribute on 200 pictures that nobody trained on."""
    rng = np.random.default_rng(5)
    drawn = [single_object_picture(rng) for _ in range(200)]
    requested = [{name: getattr(spec, name) for name in ATTRIBUTES} for _, spec in drawn]
    accuracy = audit(load_audit(), np.stack([picture for picture, _ in drawn]), requested)
    assert min(accuracy[name] for name in ATTRIBUTES) >= 0.97


def test_shares_count_requests_only() -> None:
    """An attribute that nobody asked for is absent, and "all" needs every requested word."""
    rng = np.random.default_rng(6)
    pictures = np.stack([single_object_picture(rng)[0] for _ in range(2)])
    model = load_audit()
    first, second = classify(model, pictures)
    wrong = next(word for word in ATTRIBUTES["colour"] if word != second["colour"])
    requested = [{"colour": first["colour"]}, {"colour": wrong, "shape": second["shape"]}]
    assert audit(model, pictures, requested) == {"colour": 0.5, "shape": 1.0, "all": 0.5}


def test_requested_words() -> None:
    """An expression states the attributes whose words it holds."""
    assert requested_words("the small red star") == {"size": "small", "colour": "red", "shape": "star"}
    assert requested_words("the thing") == {}


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    """One changed byte in the weights is a BackendUnavailable that names the file."""
    shutil.copytree(WEIGHTS, tmp_path / "weights")
    path = tmp_path / "weights" / FILE
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BackendUnavailable, match=FILE):
        load_shipped(tmp_path / "weights", FILE)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    """Absent weights are a BackendUnavailable that says how to get them."""
    with pytest.raises(BackendUnavailable, match="micro-weights"):
        load_shipped(tmp_path, FILE)


def test_saved_weights_come_back(tmp_path: Path) -> None:
    """Tensors survive as float16, and both files of a folder keep their digests."""
    first = save_shipped(tmp_path, "a.safetensors", {"w": torch.tensor([0.5, -2.0])})
    second = save_shipped(tmp_path, "b.safetensors", {"w": torch.zeros(1)})
    tensors, digest = load_shipped(tmp_path, "a.safetensors")
    assert tensors["w"].tolist() == [0.5, -2.0]
    assert digest == first
    digests = json.loads((tmp_path / "digests.json").read_text())
    assert digests == {"a.safetensors": first, "b.safetensors": second}
