"""Types that files of skops name."""

from importlib import import_module
from types import FunctionType

from scipy.sparse import csr_array

from ..base._labels import Remembered
from ..feedback._answers import Answers
from ..feedback._model import Learned, LinearClassifier
from ..feedback._prior import Prior
from ..group._errors import Spread, Tail
from ..group._group import LEARNED

# Sub-packages whose public classes may be part of a fitted estimator.
PARTS = ("", ".calibration", ".feedback", ".interop", ".metrics", ".model_selection", ".nn")
PARTS += (".preprocessing",)
# Types of attributes: the rows that a detector remembers, the sparse part of a robust autoencoder,
# what a detector of groups knows of its training groups, and what one that asks knows of answers.
OTHERS = (Remembered, csr_array, Spread, Tail, *LEARNED.values(), Answers, Prior, Learned)
OTHERS += (LinearClassifier,)
# Sub-packages whose public functions may be parameters: metrics, scorers, costs and divergences.
# A file may call whatever is trusted, and these functions only compute.
OF_FUNCTIONS = (".metrics", ".nn")
# Made by to_pyod; its module needs pyod.
OF_PYOD = "skdeepad.interop._as_pyod.DetectorOfPyOD"


def trusted_types():
    """Return the types of this library for which skops asks before it opens a file.

    A file of skops holds the names of types, and arrays; it is opened without running code of the
    file. Types that are neither of scikit-learn nor of numpy, and functions, have to be trusted by
    name. All types of this library are safe: a detector makes its net again from its own
    parameters, and reads arrays into it. So are its functions that may be parameters, metrics and
    scorers and those of ``skdeepad.nn``, which only compute.

    Read more in the :ref:`User Guide <files>`.

    .. versionadded:: 0.1

    Returns
    -------
    types : list of str
        Full names of the public classes of the library, of types of their attributes, and of
        functions that may be their parameters.

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
    types = {*OTHERS, *_public(PARTS, type), *_public(OF_FUNCTIONS, FunctionType)}
    return sorted([OF_PYOD, *(f"{item.__module__}.{item.__qualname__}" for item in types)])


def _public(parts: tuple[str, ...], kind: type) -> list:
    """Return what of one kind is public in sub-packages."""
    modules = [import_module(f"skdeepad{part}") for part in parts]
    items = [getattr(module, name) for module in modules for name in module.__all__]
    return [item for item in items if isinstance(item, kind)]
