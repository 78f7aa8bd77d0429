"""The model hub, and nothing but it: lists and fetches the files of one repository at one commit.

The only importer of huggingface_hub. No code of a repository is fetched or run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from synres.errors import BackendUnavailable, InvalidInput

_NO_HUB = "there is no connection to the hub; where there is one, pull there, and here --from its FOLDER"


@dataclass(frozen=True, slots=True)
class HubFile:
    """`digest` is the sha256 of large files, the git blob id of small ones."""

    path: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a repository at `revision`, a commit."""

    hub_id: str
    revision: str
    files: tuple[HubFile, ...]


def list_hub(hub_id: str, revision: str) -> Listing:
    """`revision` "" is the newest commit.

    Raises InvalidInput for an unknown repository or revision, BackendUnavailable without a connection,
    without access, or without the package.
    """
    with _told(hub_id, revision):
        from huggingface_hub import HfApi

        info = HfApi().model_info(hub_id, revision=revision or None, files_metadata=True)
    files = (
        HubFile(f.rfilename, f.size or 0, f.lfs.sha256 if f.lfs else f.blob_id or "")
        for f in info.siblings or ()
    )
    return Listing(hub_id, info.sha or revision, tuple(files))


def fetch_hub(listing: Listing, files: Sequence[HubFile], folder: Path) -> None:
    """Into `folder`, going on from what an earlier call left there. Raises as `list_hub`.

    A file of another digest is removed, and BackendUnavailable names it.
    """
    with _told(listing.hub_id, listing.revision):
        from huggingface_hub import snapshot_download

        snapshot_download(
            listing.hub_id,
            revision=listing.revision,
            local_dir=folder,
            allow_patterns=[file.path for file in files],
        )
    for file in files:
        _check(folder / file.path, file, listing.hub_id)


def _check(path: Path, expected: HubFile, hub_id: str) -> None:
    if not path.is_file():
        raise BackendUnavailable(f"{hub_id}: {expected.path} did not arrive: pull again to go on")
    if path.stat().st_size != expected.size or _digest(path, expected) != expected.digest:
        path.unlink()
        raise BackendUnavailable(
            f"{hub_id}: {expected.path} has another digest than the hub says: pull again"
        )


def _digest(path: Path, expected: HubFile) -> str:
    with path.open("rb") as file:
        if len(expected.digest) == 64:
            return hashlib.file_digest(file, "sha256").hexdigest()
        blob = hashlib.sha1(b"blob %d\0" % expected.size, usedforsecurity=False)
        blob.update(file.read())
        return blob.hexdigest()


@contextmanager
def _told(hub_id: str, revision: str) -> Iterator[None]:
    """Whatever the hub's client raises, as one sentence of ours."""
    try:
        import httpx2
        from huggingface_hub import constants, errors
    except ImportError as error:
        raise BackendUnavailable(
            'pulling from the hub needs its client: pip install "synres[cli]"'
        ) from error
    if constants.HF_HUB_OFFLINE:
        raise BackendUnavailable(
            "HF_HUB_OFFLINE is set: unset it to pull from the hub, or give --from FOLDER"
        )
    try:
        yield
    except errors.GatedRepoError as error:
        raise BackendUnavailable(
            f"{hub_id} is for those who accepted its terms on the hub: do so, then log in (`hf auth login`)"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise InvalidInput(f"{hub_id} has no revision {revision!r}") from error
    except errors.RepositoryNotFoundError as error:
        raise InvalidInput(f"the hub has no model {hub_id!r}, or it is not open to you") from error
    except (OSError, httpx2.HTTPError) as error:
        first = str(error).strip().partition("\n")[0][:200]
        raise BackendUnavailable(f"{hub_id} cannot be fetched ({first}): {_NO_HUB}") from error
