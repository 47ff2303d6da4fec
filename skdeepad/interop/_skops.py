"""Types that files of skops name."""

from importlib import import_module

from scipy.sparse import csr_array

from ..base._labels import Remembered
from ..group._errors import Spread
from ..group._scores import Characterization

# Sub-packages whose public classes may be part of a fitted estimator.
PARTS = ("", ".calibration", ".interop", ".model_selection", ".nn", ".preprocessing")
# Types of attributes: the rows that a detector remembers, the sparse part of a robust autoencoder,
# and what a detector of groups knows of its training groups.
OTHERS = (Remembered, csr_array, Spread, Characterization)


def trusted_types():
    """Return the types of this library for which skops asks before it opens a file.

    A file of skops holds the names of types, and arrays; it is opened without running code of the
    file. Types that are neither of scikit-learn nor of numpy have to be trusted by name. All types
    of this library are safe: a detector makes its net again from its own parameters, and reads
    arrays into it.

    Read more in the :ref:`User Guide <files>`.

    .. versionadded:: 0.1

    Returns
    -------
    types : list of str
        Full names of the public classes of the library, and of types of their attributes.

    Examples
    --------
    >>> from skdeepad.interop import trusted_types
    >>> "skdeepad.autoencoder._autoencoder.AutoEncoder" in trusted_types()
    True

    A detector is saved and opened by:

    >>> import skops.io  # doctest: +SKIP
    >>> skops.io.dump(det, "detector.skops")  # doctest: +SKIP
    >>> det = skops.io.load("detector.skops", trusted=trusted_types())  # doctest: +SKIP
    """
    modules = [import_module(f"skdeepad{part}") for part in PARTS]
    public = [getattr(module, name) for module in modules for name in module.__all__]
    types = {*OTHERS, *(item for item in public if isinstance(item, type))}
    return sorted(f"{cls.__module__}.{cls.__qualname__}" for cls in types)
