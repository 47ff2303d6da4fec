"""Loaders of images as flattened rows."""

from .._validation import is_count
from ._image_files import ImageSet, read_cifar10, read_coil20, read_mnist
from ._remote import Remote, read_sums

COIL_SIZE = 128
_SHA256 = read_sums("SHA256SUMS.IMAGES")


def _remote(folder, url):
    sums = {
        file.removeprefix(f"{folder}/"): sum_
        for file, sum_ in _SHA256.items()
        if file.startswith(f"{folder}/")
    }
    return Remote(folder, url, sums)


_MNIST = ImageSet(
    name="mnist",
    image_shape=(1, 28, 28),
    target_names=[str(digit) for digit in range(10)],
    remote=_remote("mnist", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    read=read_mnist,
)
_FASHION = ImageSet(
    name="fashion_mnist",
    image_shape=(1, 28, 28),
    target_names=[
        *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ],
    remote=_remote(
        "fashion_mnist",
        "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
    ),
    read=read_mnist,
)
_CIFAR10 = ImageSet(
    name="cifar10",
    image_shape=(3, 32, 32),
    target_names=[
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ],
    remote=_remote("cifar10", "https://www.cs.toronto.edu/~kriz/"),
    read=read_cifar10,
)
_COIL20 = ImageSet(
    name="coil20",
    image_shape=(1, COIL_SIZE, COIL_SIZE),
    target_names=[f"obj{number}" for number in range(1, 21)],
    remote=Remote(
        "coil20",
        "https://www.cs.columbia.edu/CAVE/databases/SLAM_coil-20_coil-100/coil-20/",
        {"coil-20-proc.zip": "md5:464dec76a6abfcd00e8de6cf1e7d0acc"},
    ),
    read=read_coil20,
    has_parts=False,
)


def fetch_mnist(*, subset="train", data_home=None, download_if_missing=True, return_X_y=False):
    """Load MNIST, handwritten digits (classification, one class left out).

    =================   ==================
    Training images                  60000
    Test images                      10000
    Classes                             10
    Image shape         (1, 28, 28) → 784
    =================   ==================

    The file ``mnist.npz`` in the folder that the environment variable ``SKDEEPAD_DATA`` names comes
    first. It has uint8 arrays ``X_train`` of shape (n, 28, 28), ``y_train`` (n,), ``X_test`` and
    ``y_test``. Then the four original files are searched for in the folder ``mnist`` there, then in
    the folder ``mnist`` of `data_home`, and otherwise downloaded to the latter:
    ``train-images-idx3-ubyte.gz``, ``train-labels-idx1-ubyte.gz``, ``t10k-images-idx3-ubyte.gz``
    and ``t10k-labels-idx1-ubyte.gz``.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which images to load; ``"all"`` has the test images behind the training images.

    data_home : str or path-like, default=None
        Folder for downloads, by default the user's cache folder according to `pooch`.

    download_if_missing : bool, default=True
        If False, raise an OSError if the files are in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, 784)
            Intensities of the pixels in [0, 1], as float32, row by row.
        target : ndarray of shape (n_samples,)
            The digits.
        image_shape : tuple of int
            ``(1, 28, 28)``, for the backbones of :mod:`skdeepad.nn`.
        target_names : ndarray of str
            Names of the classes.
        DESCR : str
            Description.
        filename : str
            Path of the file, or of the first of several.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If `subset` is unknown, or a file is damaged or has arrays of other shapes.
    OSError
        If a file is missing and cannot, or must not, be downloaded.

    Notes
    -----
    Downloads are checked against SHA-256 sums. Files in ``SKDEEPAD_DATA`` are not.

    References
    ----------
    Y. LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the
    IEEE 86, 1998.

    Examples
    --------
    >>> from skdeepad.datasets import fetch_mnist
    >>> X, y = fetch_mnist(return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (60000, 784)
    """
    return _MNIST.fetch(subset, data_home, download_if_missing, return_X_y, fetch_mnist)


def fetch_fashion_mnist(
    *, subset="train", data_home=None, download_if_missing=True, return_X_y=False
):
    """Load Fashion-MNIST, articles of clothing (classification, one class left out).

    =================   ==================
    Training images                  60000
    Test images                      10000
    Classes                             10
    Image shape         (1, 28, 28) → 784
    =================   ==================

    The file ``fashion_mnist.npz`` in the folder that the environment variable ``SKDEEPAD_DATA``
    names comes first. It has uint8 arrays ``X_train`` of shape (n, 28, 28), ``y_train`` (n,),
    ``X_test`` and ``y_test``. Then the four original files, which are named as MNIST's, are
    searched for in the folder ``fashion_mnist`` there, then in the folder ``fashion_mnist`` of
    `data_home`, and otherwise downloaded to the latter.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which images to load; ``"all"`` has the test images behind the training images.

    data_home : str or path-like, default=None
        Folder for downloads, by default the user's cache folder according to `pooch`.

    download_if_missing : bool, default=True
        If False, raise an OSError if the files are in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, 784)
            Intensities of the pixels in [0, 1], as float32, row by row.
        target : ndarray of shape (n_samples,)
            Numbers of the classes, 0 to 9.
        image_shape : tuple of int
            ``(1, 28, 28)``, for the backbones of :mod:`skdeepad.nn`.
        target_names : ndarray of str
            Names of the classes.
        DESCR : str
            Description.
        filename : str
            Path of the file, or of the first of several.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If `subset` is unknown, or a file is damaged or has arrays of other shapes.
    OSError
        If a file is missing and cannot, or must not, be downloaded.

    Notes
    -----
    Downloads are checked against SHA-256 sums. Files in ``SKDEEPAD_DATA`` are not.

    References
    ----------
    H. Xiao et al., "Fashion-MNIST: a novel image dataset for benchmarking machine learning
    algorithms", arXiv:1708.07747. https://github.com/zalandoresearch/fashion-mnist (MIT)

    Examples
    --------
    >>> from skdeepad.datasets import fetch_fashion_mnist
    >>> fashion = fetch_fashion_mnist()  # doctest: +SKIP
    >>> fashion.target_names[fashion.target[:2]].tolist()  # doctest: +SKIP
    ['ankle boot', 'T-shirt/top']
    """
    return _FASHION.fetch(subset, data_home, download_if_missing, return_X_y, fetch_fashion_mnist)


def fetch_cifar10(*, subset="train", data_home=None, download_if_missing=True, return_X_y=False):
    """Load CIFAR-10, small colour photographs (classification, one class left out).

    =================   ===================
    Training images                   50000
    Test images                       10000
    Classes                              10
    Image shape         (3, 32, 32) → 3072
    =================   ===================

    The file ``cifar10.npz`` in the folder that the environment variable ``SKDEEPAD_DATA`` names
    comes first. It has uint8 arrays ``X_train`` of shape (n, 3, 32, 32) or (n, 32, 32, 3),
    ``y_train`` (n,), ``X_test`` and ``y_test``. Then the original archive of the *binary* version,
    ``cifar-10-binary.tar.gz``, is searched for in the folder ``cifar10`` there, then in the folder
    ``cifar10`` of `data_home`, and otherwise downloaded to the latter: 170 MB. The Python version
    is not read, because its pickles could run code.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        Which images to load; ``"all"`` has the test images behind the training images.

    data_home : str or path-like, default=None
        Folder for downloads, by default the user's cache folder according to `pooch`.

    download_if_missing : bool, default=True
        If False, raise an OSError if the file is in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, 3072)
            Intensities in [0, 1], as float32: all red values of an image row by row, then the green
            and the blue ones. The training images are 614 MB.
        target : ndarray of shape (n_samples,)
            Numbers of the classes, 0 to 9.
        image_shape : tuple of int
            ``(3, 32, 32)``, for the backbones of :mod:`skdeepad.nn`.
        target_names : ndarray of str
            Names of the classes.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If `subset` is unknown, or the file is damaged or has arrays of other shapes.
    OSError
        If the file is missing and cannot, or must not, be downloaded.

    Notes
    -----
    The download is checked against a SHA-256 sum. Files in ``SKDEEPAD_DATA`` are not.

    References
    ----------
    A. Krizhevsky, "Learning multiple layers of features from tiny images", 2009.
    https://www.cs.toronto.edu/~kriz/cifar.html

    Examples
    --------
    >>> from skdeepad.datasets import fetch_cifar10
    >>> cifar = fetch_cifar10(subset="test")  # doctest: +SKIP
    >>> cifar.data.shape, cifar.target_names[3].item()  # doctest: +SKIP
    ((10000, 3072), 'cat')
    """
    return _CIFAR10.fetch(subset, data_home, download_if_missing, return_X_y, fetch_cifar10)


def fetch_coil20(*, resize=None, data_home=None, download_if_missing=True, return_X_y=False):
    """Load COIL-20, photographs of turning objects (clustering, one class left out).

    Each of 20 objects was photographed 72 times, at each turn by 5 degrees; the *processed* images
    show the object alone.

    =================   ======================
    Images                                1440
    Classes                                 20
    Image shape         (1, 128, 128) → 16384
    =================   ======================

    The file ``coil20.npz`` in the folder that the environment variable ``SKDEEPAD_DATA`` names
    comes first. It has uint8 arrays ``X`` of shape (n, 128, 128) and ``y`` (n,), with classes from
    0. Then the original archive, ``coil-20-proc.zip``, is searched for in the folder ``coil20``
    there, then in the folder ``coil20`` of `data_home`, and otherwise downloaded to the latter.
    Reading the archive needs Pillow.

    Parameters
    ----------
    resize : int or None, default=None
        Height and width of the images, a divisor of 128: each pixel is the mean of a square of
        pixels. If None, they have 128 pixels.

    data_home : str or path-like, default=None
        Folder for downloads, by default the user's cache folder according to `pooch`.

    download_if_missing : bool, default=True
        If False, raise an OSError if the file is in none of these places.

    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : ndarray of shape (n_samples, resize ** 2)
            Intensities of the pixels in [0, 1], as float32, row by row; object by object, each in
            the order of its turns.
        target : ndarray of shape (n_samples,)
            Numbers of the objects, 0 to 19.
        image_shape : tuple of int
            ``(1, resize, resize)``, for the backbones of :mod:`skdeepad.nn`.
        target_names : ndarray of str
            Names of the objects, ``obj1`` to ``obj20``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

    Raises
    ------
    ValueError
        If `resize` does not divide 128, or the file is damaged or has arrays of other shapes.
    OSError
        If the file is missing and cannot, or must not, be downloaded.

    Notes
    -----
    The download is checked against an MD5 sum, because no SHA-256 sum of the archive is published.
    Files in ``SKDEEPAD_DATA`` are not checked.

    References
    ----------
    S. A. Nene, S. K. Nayar and H. Murase, "Columbia Object Image Library (COIL-20)", 1996.

    Examples
    --------
    >>> from skdeepad.datasets import fetch_coil20
    >>> coil = fetch_coil20(resize=32)  # doctest: +SKIP
    >>> coil.data.shape, coil.image_shape  # doctest: +SKIP
    ((1440, 1024), (1, 32, 32))
    """
    if resize is not None and not (is_count(resize) and COIL_SIZE % resize == 0):
        raise ValueError(f"resize={resize!r} must be None or a positive divisor of {COIL_SIZE}.")
    coil = _COIL20.fetch(None, data_home, download_if_missing, False, fetch_coil20)
    if resize is not None:
        side = COIL_SIZE // resize
        squares = coil.data.reshape(-1, resize, side, resize, side)
        coil.data = squares.mean(axis=(2, 4)).reshape(len(squares), -1)
        coil.image_shape = (1, int(resize), int(resize))
    return (coil.data, coil.target) if return_X_y else coil
