"""Files of published repositories: found on this machine, or downloaded and checked."""

import difflib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ._base import DATA, import_optional


def read_sums(file):
    """Return the SHA-256 sum of each file that a list inside the package names."""
    lines = (DATA / file).read_text().splitlines()
    return {name: sha256 for sha256, name in map(str.split, lines)}


def unknown_name(name, *, near, spelled, what, lister):
    """Return the error for a ``name`` that is no ``what``, with the names like ``near``.

    ``spelled`` gives each accepted name in small letters the spelling to show.
    """
    like = [spelled[key] for key in difflib.get_close_matches(near, spelled)]
    return ValueError(
        f"name={name!r} is no {what}: "
        + (f"did you mean {' or '.join(map(repr, like))}? " if like else "")
        + f"{lister}() gives the names accepted"
    )


def own_file(folder, file):
    """Path of a file in the folder that ``SKDEEPAD_DATA`` names, or None."""
    own = os.environ.get("SKDEEPAD_DATA")
    path = Path(own).expanduser() / folder / file if own else None
    return path if path and path.is_file() else None


@dataclass(frozen=True)
class Remote:
    """A pinned commit of a repository.

    ``folder`` is what its files are kept in, ``url`` what their addresses begin with, and
    ``sha256`` has sums of some or all of them.
    """

    folder: str
    url: str
    sha256: Mapping[str, str]

    def locate(self, file, data_home, download_if_missing):
        """Path of a file on this machine, downloaded if need be."""
        if path := own_file(self.folder, file):
            return path
        if data_home is None:
            data_home = import_optional("pooch", "the default data_home").os_cache("skdeepad")
        path = Path(data_home).expanduser() / self.folder / file
        if not self._is_intact(path, file):
            self._download(path, file, download_if_missing)
        return path

    def _is_intact(self, path, file):
        if not path.is_file():
            return False
        if file not in self.sha256:
            return _opens(path)
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == self.sha256[file]

    def _download(self, path, file, download_if_missing):
        by_hand = (
            f"to put it there by hand, save {self.url + file} as {path}, or as "
            f"{self.folder}/{file} in the folder that the environment variable SKDEEPAD_DATA names"
        )
        if not download_if_missing:
            raise OSError(f"{path} is missing or damaged and download_if_missing=False; {by_hand}")
        pooch = import_optional("pooch", "downloading")
        sha256 = self.sha256.get(file)
        try:
            path.unlink(missing_ok=True)  # without a sum, pooch would take it for what is wanted
            pooch.retrieve(self.url + file, known_hash=sha256, fname=path.name, path=path.parent)
            if not self._is_intact(path, file):
                path.unlink()
                raise OSError("what came is damaged, or something else")
        except (OSError, ValueError) as error:  # no network, no such page, no space, wrong content
            raise OSError(f"{path.name} could not be downloaded: {error}; {by_hand}") from error


def _opens(path):
    """Whether a file without a sum came whole; archives have sums of their own inside."""
    if path.suffix != ".npz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (EOFError, NotImplementedError, ValueError, zipfile.BadZipFile, zlib.error):
        return False
