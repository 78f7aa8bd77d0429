"""What CHECKPOINT may be, and what is said of what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.cli.checkpoints import Checkpoint, find_checkpoint, open_checkpoint
from synres.domain.choice import choose
from synres.errors import InvalidInput, NotFound
from synres.ledger.ledger import Ledger
from synres.models.folders import register_folder
from tests.fakes import MemoryStore


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of models with one of our own."""
    folder = tmp_path / "models" / "me--mine"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"w")
    register_folder(folder, "me/mine", "clipseg", "MIT")
    monkeypatch.setenv("SYNRES_MODELS_DIR", str(folder.parent))
    return folder


def test_a_model_by_name_or_folder(models: Path) -> None:
    """Its manifest says which backend opens it; a known one needs no folder to be named."""
    store = MemoryStore()
    expected = choose("clipseg", "me/mine")
    assert find_checkpoint("me/mine", store, "micro", {}) == Checkpoint("me/mine", expected)
    assert find_checkpoint(str(models), store, "micro", {}).choice == expected
    found = find_checkpoint("xinlai/LISA-7B-v1", store, "micro", {"protocol": "teacher_forced"})
    assert found.choice == choose("lisa", "xinlai/LISA-7B-v1", {"protocol": "teacher_forced"})
    assert find_checkpoint("micro", store, "micro", {}).choice == choose("micro")


def test_weights_by_digest_need_a_backend() -> None:
    """Which the file does not say; it must be in the store."""
    store = MemoryStore()
    digest = Ledger(store).put_blob(b"weights", "x").digest
    assert find_checkpoint(digest, store, "micro", {}) == Checkpoint(digest, choose("micro"), digest)
    with pytest.raises(NotFound, match="are not in"):
        find_checkpoint("0" * 64, store, "micro", {})


def test_what_is_no_checkpoint_is_told(models: Path, tmp_path: Path) -> None:
    """A stranger, a run that is not there, a folder without a manifest, a copy of a model elsewhere."""
    store = MemoryStore()
    with pytest.raises(NotFound, match="RUN:ARM"):
        find_checkpoint("mikro", store, "micro", {})
    with pytest.raises(NotFound):
        find_checkpoint("demo:synres", store, "micro", {})
    with pytest.raises(InvalidInput, match="synres models pull"):
        find_checkpoint(str(tmp_path), store, "micro", {})
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "synres-model.json").write_bytes((models / "synres-model.json").read_bytes())
    with pytest.raises(InvalidInput, match=r"is looked for in .*me--mine"):
        find_checkpoint(str(copy), store, "micro", {})


def test_the_shipped_model_opens() -> None:
    """Without weights of its own in any store."""
    model, open_segmenter = open_checkpoint(Checkpoint("micro", choose("micro")))
    assert open_segmenter(b"").model == model
