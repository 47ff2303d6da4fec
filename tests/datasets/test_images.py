"""Sets of images are read from arrays or published files, as rows with channels first."""

import gzip
import hashlib
import io
import re
import sys
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from skdeepad.datasets import (
    _images,
    fetch_cifar10,
    fetch_coil20,
    fetch_fashion_mnist,
    fetch_mnist,
)

pytestmark = pytest.mark.usefixtures("no_folder", "no_network")

RNG = np.random.RandomState(0)
SETS = {
    "mnist": (fetch_mnist, (1, 28, 28)),
    "fashion_mnist": (fetch_fashion_mnist, (1, 28, 28)),
    "cifar10": (fetch_cifar10, (3, 32, 32)),
    "coil20": (fetch_coil20, (1, 128, 128)),
}
every_set = pytest.mark.parametrize("name", SETS)


def images_of(name, n):
    channels, *size = SETS[name][1]
    shape = (n, channels, *size) if channels > 1 else (n, *size)
    return RNG.randint(256, size=shape, dtype=np.uint8), np.arange(n) % 10


def arrays_of(name):
    """Arrays of an .npz file with seven training and four test images."""
    if name == "coil20":
        return dict(zip("Xy", images_of(name, 7), strict=True))
    parts = {part: images_of(name, n) for part, n in (("train", 7), ("test", 4))}
    return {
        f"{kind}_{part}": values[i] for part, values in parts.items() for i, kind in enumerate("Xy")
    }


def training_part(arrays):
    return arrays.get("X_train", arrays.get("X")), arrays.get("y_train", arrays.get("y"))


def idx(array):
    """An array of bytes as MNIST's files have it."""
    shape = np.array(array.shape, dtype=">u4").tobytes()
    return gzip.compress(bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes())


def published_files(name, arrays):
    """Files of these images in the form in which they were published, by their names."""
    if name.endswith("mnist"):
        parts = {"train": "train", "t10k": "test"}
        return {
            f"{prefix}-{file}-ubyte.gz": idx(arrays[f"{kind}_{part}"])
            for prefix, part in parts.items()
            for kind, file in (("X", "images-idx3"), ("y", "labels-idx1"))
        }
    content = io.BytesIO()
    if name == "cifar10":
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            training = np.array_split(np.arange(len(arrays["X_train"])), 5)
            batches = {f"data_batch_{i}": ("train", rows) for i, rows in enumerate(training, 1)}
            batches["test_batch"] = ("test", np.arange(len(arrays["X_test"])))
            for batch, (part, rows) in batches.items():
                X, y = arrays[f"X_{part}"][rows], arrays[f"y_{part}"][rows]
                records = np.c_[y.astype(np.uint8), X.reshape(len(X), -1)].tobytes()
                member = tarfile.TarInfo(f"cifar-10-batches-bin/{batch}.bin")
                member.size = len(records)
                archive.addfile(member, io.BytesIO(records))
        return {"cifar-10-binary.tar.gz": content.getvalue()}
    with zipfile.ZipFile(content, "w") as archive:
        turns = {}
        for image, object_ in zip(arrays["X"], arrays["y"], strict=True):
            turn = turns[object_] = turns.get(object_, -1) + 1
            png = io.BytesIO()
            Image.fromarray(image).save(png, "PNG")
            archive.writestr(f"coil-20-proc/obj{object_ + 1}__{turn}.png", png.getvalue())
    return {"coil-20-proc.zip": content.getvalue()}


def save_arrays(folder, name, **changes):
    arrays = arrays_of(name) | changes
    np.savez(folder / f"{name}.npz", **arrays)
    return arrays


def save_published(folder, name):
    arrays = arrays_of(name)
    (folder / name).mkdir(parents=True)
    for file, content in published_files(name, arrays).items():
        (folder / name / file).write_bytes(content)
    return arrays


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The folder of the user's own data."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("SKDEEPAD_DATA", str(folder))
    return folder


@every_set
@pytest.mark.parametrize("save", [save_arrays, save_published])
def test_images_are_rows_of_float32_in_the_unit_interval(name, save, own, no_network):
    fetch, image_shape = SETS[name]
    X, y = training_part(save(own, name))
    found = fetch(data_home=own / "elsewhere")
    assert found.data.dtype == np.float32
    np.testing.assert_allclose(found.data, X.reshape(len(X), -1) / 255, rtol=1e-6)
    assert found.target.dtype == np.int64
    assert found.target.tolist() == y.tolist()
    assert found.image_shape == image_shape
    assert found.filename.startswith(str(own / name))
    assert len(found.target_names) == (20 if name == "coil20" else 10)
    assert found.DESCR.startswith("Load ")
    assert "Parameters" not in found.DESCR
    data, target = fetch(return_X_y=True)
    np.testing.assert_array_equal(data, found.data)
    np.testing.assert_array_equal(target, found.target)
    assert not no_network


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
@pytest.mark.parametrize("save", [save_arrays, save_published])
def test_the_subset_all_has_the_test_images_behind_the_others(name, save, own):
    fetch, _ = SETS[name]
    arrays = save(own, name)
    train, test, both = (fetch(subset=subset) for subset in ("train", "test", "all"))
    assert test.target.tolist() == arrays["y_test"].tolist()
    np.testing.assert_allclose(test.data[3], arrays["X_test"][3].ravel() / 255, rtol=1e-6)
    np.testing.assert_array_equal(both.data, np.r_[train.data, test.data])
    np.testing.assert_array_equal(both.target, np.r_[train.target, test.target])


@pytest.mark.parametrize("subset", ["valid", None, "", ["train"]], ids=repr)
@pytest.mark.parametrize("save", [save_arrays, save_published])
def test_an_unknown_subset_is_an_error(save, subset, own):
    save(own, "mnist")
    message = re.escape(f"subset={subset!r} must be one of ['train', 'test', 'all']")
    with pytest.raises(ValueError, match=message):
        fetch_mnist(subset=subset)


def test_colours_come_first_wherever_they_stand_in_the_file(own):
    arrays = save_arrays(own, "cifar10")
    first = fetch_cifar10().data
    last = {key: np.moveaxis(arrays[key], 1, -1) for key in ("X_train", "X_test")}
    save_arrays(own, "cifar10", **arrays | last)
    np.testing.assert_array_equal(fetch_cifar10().data, first)
    assert first[0, :1024].tolist() == (arrays["X_train"][0, 0].ravel() / np.float32(255)).tolist()


def test_arrays_come_before_published_files_and_both_before_the_cache(tmp_path, own, no_network):
    _, y = training_part(save_published(tmp_path / "home", "mnist"))
    save_published(own, "mnist")
    for path in (own / "mnist").iterdir():
        path.chmod(0o444)
    assert fetch_mnist(data_home=tmp_path / "home").filename.startswith(
        str(own / "mnist" / "train")
    )
    save_arrays(own, "mnist", y_train=y[::-1])
    found = fetch_mnist(data_home=tmp_path / "home")
    assert found.filename == str(own / "mnist.npz")
    assert found.target.tolist() == y[::-1].tolist()
    assert not no_network


@every_set
@pytest.mark.parametrize("good", [True, False])
def test_published_files_are_downloaded_once_and_checked(name, good, tmp_path, monkeypatch):
    fetch, _ = SETS[name]
    arrays = save_published(tmp_path / "remote", name)
    remote = {path.name: path.read_bytes() for path in (tmp_path / "remote" / name).iterdir()}
    sums = getattr(_images, f"_{name.partition('_')[0].upper()}").remote.sums
    assert set(sums) == set(remote)
    for file, content in remote.items():
        algorithm = "md5" if sums[file].startswith("md5:") else "sha256"
        digest = hashlib.new(algorithm, content if good else b"other").hexdigest()
        monkeypatch.setitem(sums, file, f"md5:{digest}" if algorithm == "md5" else digest)
    asked = []

    def download(url, output_file, pooch):
        asked.append(url)
        with open(output_file, "wb") as file:
            file.write(remote[url.rpartition("/")[2]])

    monkeypatch.setattr("pooch.core.choose_downloader", lambda *args, **kwargs: download)
    if not good:
        with pytest.raises(OSError, match=r"could not be downloaded: .*does not match"):
            fetch(data_home=tmp_path / "home")
        assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        return
    for _ in range(2):
        found = fetch(data_home=tmp_path / "home")
    assert found.target.tolist() == training_part(arrays)[1].tolist()
    assert found.filename.startswith(str(tmp_path / "home" / name))
    assert len(asked) == len(set(asked)) == (2 if name.endswith("mnist") else 1)
    assert all(url.startswith("https://") for url in asked)


def test_each_published_file_has_a_sum():
    for name in ("mnist", "fashion"):
        sums = getattr(_images, f"_{name.upper()}").remote.sums
        assert len(sums) == 4
        assert all(re.fullmatch("[0-9a-f]{64}", value) for value in sums.values())
    (value,) = _images._CIFAR10.remote.sums.values()
    assert re.fullmatch("[0-9a-f]{64}", value)
    (value,) = _images._COIL20.remote.sums.values()
    assert re.fullmatch("md5:[0-9a-f]{32}", value)


@every_set
def test_without_a_network_the_error_says_where_to_put_which_file(name, tmp_path, no_network):
    fetch, _ = SETS[name]
    for download in (True, False):
        with pytest.raises(
            OSError, match=f"to put it there by hand.*{name}/.*SKDEEPAD_DATA"
        ) as caught:
            fetch(data_home=tmp_path, download_if_missing=download)
        assert f"{name}.npz in the latter folder" in str(caught.value)
        assert f"fetch_{name} documents" in str(caught.value)
    assert len(no_network) == 1


@every_set
@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", None], ids=["empty", "html", "cut"]
)
def test_damaged_files_are_named(name, content, own):
    fetch, _ = SETS[name]
    save_published(own, name)
    for path in (own / name).iterdir():
        path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(ValueError, match=f"{re.escape(str(own / name))}/.* is damaged: it must be"):
        fetch()
    save_arrays(own, name)
    path = own / f"{name}.npz"
    path.write_bytes(path.read_bytes()[:-40] if content is None else content)
    with pytest.raises(ValueError, match=rf"{re.escape(str(path))} is damaged: .* \.npz file"):
        fetch()


@every_set
def test_arrays_of_other_shapes_and_types_are_an_error(name, own):
    fetch, _ = SETS[name]
    part = "" if name == "coil20" else "_train"
    X, y = training_part(arrays_of(name))
    for wrong in (X[..., :-1], X / 255.0, X.reshape(len(X), -1), X[:0], X[0]):
        save_arrays(own, name, **{f"X{part}": wrong, f"y{part}": y[: len(wrong)]})
        with pytest.raises(
            ValueError, match=r"has images of shape .* but they must be of shape \(n,"
        ):
            fetch()
    for wrong in (y[:-1], y + 20, y - 1, y + 0.5, y.astype(str), y[None], np.full(len(y), np.nan)):
        save_arrays(own, name, **{f"X{part}": X, f"y{part}": wrong})
        with pytest.raises(
            ValueError, match=r"has classes of shape .* must be 7 integers from 0 to"
        ):
            fetch()
    np.savez(own / f"{name}.npz", images=X)
    with pytest.raises(ValueError, match=f"an .npz file with arrays X{part} and y{part}"):
        fetch()


@every_set
def test_a_file_cannot_run_code(name, own):
    fetch, _ = SETS[name]
    arrays = {key: np.array([object()], dtype=object) for key in arrays_of(name)}
    np.savez(own / f"{name}.npz", **arrays)
    with pytest.raises(ValueError, match="is damaged"):
        fetch()


def test_classes_in_a_column_are_accepted(own):
    arrays = save_arrays(own, "cifar10")
    save_arrays(own, "cifar10", **arrays | {"y_train": arrays["y_train"][:, None]})
    assert fetch_cifar10().target.tolist() == arrays["y_train"].tolist()


# COIL-20 ------------------------------------------------------------------------------------


def test_objects_come_in_the_order_of_their_numbers_and_turns(own):
    images = RNG.randint(256, size=(24, 128, 128), dtype=np.uint8)
    arrays = {"X": images, "y": np.repeat([1, 10], 12)}  # obj2 and obj11, turns 0 to 11
    (own / "coil20").mkdir()
    (content,) = published_files("coil20", arrays).values()
    (own / "coil20" / "coil-20-proc.zip").write_bytes(content)
    coil = fetch_coil20()
    assert coil.target.tolist() == arrays["y"].tolist()
    np.testing.assert_allclose(coil.data, images.reshape(24, -1) / 255, rtol=1e-6)
    assert coil.target_names[coil.target[[0, -1]]].tolist() == ["obj2", "obj11"]


def test_images_are_averaged_down(own):
    X, _ = training_part(save_arrays(own, "coil20"))
    coil = fetch_coil20(resize=32)
    assert coil.image_shape == (1, 32, 32)
    assert coil.data.dtype == np.float32
    assert coil.data.shape == (7, 1024)
    small = coil.data.reshape(-1, 32, 32)
    assert small[2, 5, 7] == pytest.approx(X[2, 20:24, 28:32].mean() / 255, rel=1e-5)
    np.testing.assert_array_equal(fetch_coil20(resize=128).data, fetch_coil20().data)
    np.testing.assert_array_equal(fetch_coil20(resize=32, return_X_y=True)[0], coil.data)


@pytest.mark.parametrize("resize", [0, -32, 100, 32.0, "32", 256, True])
def test_images_are_averaged_to_a_divisor_of_their_size(resize, own):
    save_arrays(own, "coil20")
    with pytest.raises(ValueError, match=f"resize={resize!r} must be None or a positive divisor"):
        fetch_coil20(resize=resize)


def test_the_archive_without_pillow_says_what_to_install(own, monkeypatch):
    save_published(own, "coil20")
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(
        ImportError, match=r"coil-20-proc.zip needs PIL.Image: pip install 'skdeepad"
    ):
        fetch_coil20()
    save_arrays(own, "coil20")
    assert len(fetch_coil20().data) == 7


# The originals ------------------------------------------------------------------------------


@pytest.mark.slow
def test_mnist_has_its_images(shared_data, monkeypatch):
    monkeypatch.setenv("SKDEEPAD_DATA", str(shared_data))
    train, test = fetch_mnist(), fetch_mnist(subset="test")
    assert train.data.shape == (60000, 784)
    assert test.data.shape == (10000, 784)
    assert train.data.mean() == pytest.approx(0.1307, abs=1e-4)
    assert np.bincount(test.target)[:3].tolist() == [980, 1135, 1032]
