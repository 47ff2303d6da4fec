"""Reading of images, from arrays of the user's own or from the published files."""

import gzip
import io
import re
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import getdoc

import numpy as np
from sklearn.utils import Bunch

from ._base import DAMAGE, import_optional
from ._remote import Remote, own_file

SUBSETS = {"train": ("train",), "test": ("test",), "all": ("train", "test")}


@dataclass(frozen=True)
class ImageSet:
    """Set of images in an .npz file of the user's own, or in the published files.

    ``read(locate, part)`` returns images and classes of a part, and the path of their file, where
    ``locate`` gives the path of a published file by its name. A set that ``has_parts`` has a
    training and a test part; any other is one part without a name.
    """

    name: str
    image_shape: tuple[int, int, int]
    target_names: Sequence[str]
    remote: Remote
    read: Callable
    has_parts: bool = True

    def fetch(self, subset, data_home, download_if_missing, return_X_y, loader):
        """Return a Bunch of the parts of a subset, or the pair."""
        if self.has_parts and not (isinstance(subset, str) and subset in SUBSETS):
            raise ValueError(f"subset={subset!r} must be one of {list(SUBSETS)}.")
        names = SUBSETS[subset] if self.has_parts else ("",)
        parts = [self._part(name, data_home, download_if_missing) for name in names]
        images, targets, paths = zip(*parts, strict=True)
        images = np.concatenate(images)
        data = images.reshape(len(images), -1).astype(np.float32)
        data /= 255
        target = np.concatenate(targets).astype(np.int64)
        if return_X_y:
            return data, target
        return Bunch(
            data=data,
            target=target,
            image_shape=self.image_shape,
            target_names=np.array(self.target_names),
            DESCR=(getdoc(loader) or "").partition("\nParameters\n")[0],
            filename=str(paths[0]),
        )

    def _part(self, part, data_home, download_if_missing):
        """Return the images of a part with channels first, their classes and the path."""

        def locate(file):
            try:
                return self.remote.locate(file, data_home, download_if_missing)
            except OSError as error:
                raise OSError(
                    f"{error}; {self.name}.npz in the latter folder will do as well, with the "
                    f"arrays that fetch_{self.name} documents"
                ) from error

        own = own_file("", f"{self.name}.npz")
        images, target, path = _read_npz(own, part) if own else self.read(locate, part)
        images = self._channels_first(images, path)
        self._check_classes(target, len(images), path)
        return images, target.ravel(), path

    def _channels_first(self, images, path):
        channels, *size = self.image_shape
        first, last = (channels, *size), (*size, channels)
        accepted = [first, last] if channels > 1 else [tuple(size)]
        if images.dtype != np.uint8 or images.shape[1:] not in accepted or not len(images):
            shapes = " or ".join(f"(n, {', '.join(map(str, shape))})" for shape in accepted)
            raise ValueError(
                f"{path} has images of shape {images.shape} and dtype {images.dtype}, but they "
                f"must be of shape {shapes} and dtype uint8."
            )
        return np.moveaxis(images, -1, 1) if images.shape[1:] == last else images

    def _check_classes(self, target, n_images, path):
        n_classes = len(self.target_names)
        integers = target.dtype.kind in "iu" and np.isin(target, np.arange(n_classes)).all()
        if target.shape not in [(n_images,), (n_images, 1)] or not integers:
            raise ValueError(
                f"{path} has classes of shape {target.shape} and dtype {target.dtype}, but they "
                f"must be {n_images} integers from 0 to {n_classes - 1}."
            )


@contextmanager
def _naming_damage(path, what):
    """Raise an error that names the file and ``what`` it must be, if it can't be read."""
    try:
        yield
    except (*DAMAGE, gzip.BadGzipFile, tarfile.TarError) as error:
        raise ValueError(f"{path} is damaged: it must be {what}") from error


def _read_npz(path, part):
    names = [f"{kind}_{part}" if part else kind for kind in "Xy"]
    with (
        _naming_damage(path, f"an .npz file with arrays {' and '.join(names)}"),
        path.open("rb") as content,
        np.load(content) as file,
    ):
        images, target = (np.asarray(file[name]) for name in names)
    return images, target, path


def read_mnist(locate, part):
    prefix = {"train": "train", "test": "t10k"}[part]
    paths = [locate(f"{prefix}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")]
    return *(_read_idx(path, n_axes) for path, n_axes in zip(paths, (3, 1), strict=True)), paths[0]


def _read_idx(path, n_axes):
    """Return the bytes of a file in MNIST's format: a magic number, the shape, and the values."""
    with _naming_damage(path, f"a gzipped idx file of bytes in {n_axes} dimensions"):
        content = gzip.decompress(path.read_bytes())
        if content[:4] != bytes([0, 0, 8, n_axes]):
            raise ValueError("another magic number")
        shape = np.frombuffer(content, ">u4", count=n_axes, offset=4)
        return np.frombuffer(content, np.uint8, offset=4 + 4 * n_axes).reshape(shape)


def read_cifar10(locate, part):
    path = locate("cifar-10-binary.tar.gz")
    batches = ["test_batch"] if part == "test" else [f"data_batch_{i}" for i in range(1, 6)]
    what = "CIFAR-10's binary version, a .tar.gz archive with files of 3,073 bytes for each image"
    with _naming_damage(path, what), tarfile.open(path, "r:gz") as archive:
        content = b"".join(
            archive.extractfile(f"cifar-10-batches-bin/{batch}.bin").read() for batch in batches
        )
        records = np.frombuffer(content, np.uint8).reshape(-1, 1 + 3 * 32 * 32)
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0], path


def read_coil20(locate, part):
    image = import_optional("PIL.Image", "reading coil-20-proc.zip")
    path = locate("coil-20-proc.zip")
    what = "a .zip archive with images obj<number>__<turn>.png of one size"
    with _naming_damage(path, what), zipfile.ZipFile(path) as archive:
        files = {}
        for file in archive.namelist():
            if match := re.search(r"(?:^|/)obj(\d+)__(\d+)\.png$", file):
                files[tuple(map(int, match.groups()))] = file
        images = [_pixels(image, archive.read(files[key])) for key in sorted(files)]
        target = np.array([number - 1 for number, _ in sorted(files)], dtype=np.int64)
        return np.stack(images), target, path


def _pixels(image, content):
    try:
        return np.asarray(image.open(io.BytesIO(content), formats=["PNG"]))
    except (OSError, SyntaxError, image.DecompressionBombError) as error:
        raise ValueError("not an image") from error  # unlike an OSError of the archive's file
