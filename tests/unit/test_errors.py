"""Errors say their sentence once, wherever they have been."""

from __future__ import annotations

from services.coordinator.executors.jobs import error_of_code
from synres.errors import ArtifactMissing


def test_a_missing_artifact_is_the_same_behind_a_job() -> None:
    """The key is got back from the sentence, which is not said twice."""
    missing = ArtifactMissing("cas/sha256/ab/abc")
    told = error_of_code(missing.code, missing.message)
    assert isinstance(told, ArtifactMissing)
    assert (told.key, told.message) == (missing.key, missing.message)
