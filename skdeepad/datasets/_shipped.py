"""Reading of the sets inside the package."""

from inspect import getdoc

from ._base import DATA, load_npz

_NUCLEUS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)

# UCI's names, if the values equal those of scikit-learn's copy column by column; None if the
# published file can't be matched with a copy that has names.
FEATURE_NAMES = {
    "breastw": None,
    "cardio": None,
    "glass": None,
    "ionosphere": None,
    "thyroid": None,
    "vowels": None,
    "wdbc": [
        *(f"mean {measure}" for measure in _NUCLEUS),
        *(f"{measure} error" for measure in _NUCLEUS),
        *(f"worst {measure}" for measure in _NUCLEUS),
    ],
    "wine": [
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    ],
}

_ORIGIN = """
From the UCI Machine Learning Repository (CC BY 4.0), as prepared for outlier detection in
{}.npz of ADBench, https://github.com/Minqi824/ADBench (BSD 2-Clause).
"""


def list_datasets():
    """Return the names of the sets inside this package, which need neither file nor network.

    Returns
    -------
    names : list of str
        Names for :func:`fetch_adbench`; ``load_<name>`` loads the set too.

    Examples
    --------
    >>> from skdeepad.datasets import list_datasets
    >>> list_datasets()
    ['breastw', 'cardio', 'glass', 'ionosphere', 'thyroid', 'vowels', 'wdbc', 'wine']
    """
    return list(FEATURE_NAMES)


def load_shipped(loader, *, return_X_y, as_frame):
    """Load the set of a loader, given by its name, with its docstring as the description."""
    name = loader.__name__.removeprefix("load_")
    (path,) = (path for path in DATA.glob("*.npz") if path.stem.lower().endswith(f"_{name}"))
    about = (getdoc(loader) or "").partition("\nParameters\n")[0]
    return load_npz(
        path,
        feature_names=FEATURE_NAMES[name],
        descr=about + _ORIGIN.format(path.stem),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )
