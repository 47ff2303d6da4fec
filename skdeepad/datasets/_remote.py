"""Published files, which are found locally or downloaded and checked."""

import difflib
import hashlib
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ._base import DAMAGE, DATA, import_optional


def read_sums(file):
    """Return the SHA-256 sums of the files in a list inside the package."""
    lines = (DATA / file).read_text().splitlines()
    return {name: sha256 for sha256, name in map(str.split, lines)}


def unknown_name(name, *, near, spelled, what, lister):
    """Return the error for an unknown name of a ``what``, with suggestions similar to ``near``.

    ``spelled`` maps each accepted name in lower case to its usual spelling.
    """
    like = [spelled[key] for key in difflib.get_close_matches(near, spelled)]
    return ValueError(
        f"name={name!r} is not a {what}: "
        + (f"did you mean {' or '.join(map(repr, like))}? " if like else "")
        + f"{lister}() gives the names accepted"
    )


def own_file(folder, file):
    """Return the path of a file in the folder that ``SKDEEPAD_DATA`` names, or None."""
    own = os.environ.get("SKDEEPAD_DATA")
    if not own:
        return None
    try:
        path = Path(own).expanduser() / folder / file
    except RuntimeError as error:  # there is no such user
        raise ValueError(f"SKDEEPAD_DATA={own!r} is no folder: {error}") from error
    return path if path.is_file() else None


def in_home(data_home, folder, file):
    """Return the path of a file in a folder of ``data_home``, by default the user's cache."""
    if data_home is None:
        data_home = import_optional("pooch", "the default data_home").os_cache("skdeepad")
    return Path(data_home).expanduser() / folder / file


@dataclass(frozen=True)
class Remote:
    """Published files with one address.

    ``folder`` is the folder of the files, ``url`` the start of their addresses, and ``sums`` holds
    the sums of some or all of them: SHA-256, or another as ``md5:...``. Where a file has no sum,
    ``url`` has to name a fixed commit.
    """

    folder: str
    url: str
    sums: Mapping[str, str]

    def locate(self, file, data_home, download_if_missing):
        """Return the local path of a file, and download it if needed."""
        if path := own_file(self.folder, file):
            return path
        path = in_home(data_home, self.folder, file)
        if not self._is_intact(path, file):
            self._download(path, file, download_if_missing)
        return path

    def _is_intact(self, path, file):
        if not path.is_file():
            return False
        if file not in self.sums:
            return _opens(path)
        algorithm, _, expected = self.sums[file].rpartition(":")
        with path.open("rb") as content:
            return hashlib.file_digest(content, algorithm or "sha256").hexdigest() == expected

    def _download(self, path, file, download_if_missing):
        by_hand = (
            f"to put it there by hand, save {self.url + file} as {path}, or as "
            f"{self.folder}/{file} in the folder that the environment variable SKDEEPAD_DATA names"
        )
        if not download_if_missing:
            raise OSError(f"{path} is missing or damaged and download_if_missing=False; {by_hand}")
        pooch = import_optional("pooch", "downloading")
        known = self.sums.get(file)
        try:
            path.unlink(missing_ok=True)  # without a sum, pooch would accept the old file
            pooch.retrieve(self.url + file, known_hash=known, fname=path.name, path=path.parent)
            if not self._is_intact(path, file):
                path.unlink()
                raise OSError("the downloaded file is damaged or not the requested one")
        except (OSError, ValueError) as error:  # no network, no such page, no space, wrong content
            raise OSError(f"{path.name} could not be downloaded: {error}; {by_hand}") from error


def _opens(path):
    """Return whether a file without a sum is complete, by the checksums inside archives."""
    if path.suffix != ".npz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except DAMAGE:
        return False
