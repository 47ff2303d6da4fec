"""The eight sets inside the package."""

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

# UCI's names; None where the published file cannot be matched with them.
FEATURE_NAMES = {
    "breastw": [
        "clump_thickness",
        "uniformity_of_cell_size",
        "uniformity_of_cell_shape",
        "marginal_adhesion",
        "single_epithelial_cell_size",
        "bare_nuclei",
        "bland_chromatin",
        "normal_nucleoli",
        "mitoses",
    ],
    "cardio": [
        "LB",
        "AC",
        "FM",
        "UC",
        "DL",
        "DS",
        "DP",
        "ASTV",
        "MSTV",
        "ALTV",
        "MLTV",
        "Width",
        "Min",
        "Max",
        "Nmax",
        "Nzeros",
        "Mode",
        "Mean",
        "Median",
        "Variance",
        "Tendency",
    ],
    "glass": None,
    "ionosphere": [f"attribute_{number}" for number in range(3, 35)],
    "thyroid": ["age", "TSH", "T3", "TT4", "T4U", "FTI"],
    "vowels": [f"cepstrum_{order}" for order in range(1, 13)],
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
    """Names of the sets inside this package, which need neither file nor network.

    Returns
    -------
    names : list of str
        Each is accepted by :func:`fetch_adbench`, and ``load_<name>`` loads it too.

    Examples
    --------
    >>> from skdeepad.datasets import list_datasets
    >>> list_datasets()
    ['breastw', 'cardio', 'glass', 'ionosphere', 'thyroid', 'vowels', 'wdbc', 'wine']
    """
    return list(FEATURE_NAMES)


def load_shipped(name, *, return_X_y, as_frame):
    """Load a set by name, described by what its loader's docstring says before the parameters."""
    (path,) = (path for path in DATA.glob("*.npz") if path.stem.lower().endswith(f"_{name}"))
    about = (getdoc(globals()[f"load_{name}"]) or "").partition("\nParameters\n")[0]
    return load_npz(
        path,
        feature_names=FEATURE_NAMES[name],
        descr=about + _ORIGIN.format(path.stem),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def load_breastw(*, return_X_y=False, as_frame=False):
    """Load the Breast Cancer Wisconsin (original) set (anomaly detection).

    Nine properties of cells from a breast mass, graded 1 to 10; the anomalies are the malignant
    ones.

    =================   ==============
    Samples total                  683
    Anomalies              239 (35.0%)
    Dimensionality                   9
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (683, 9)
            Rows, as float64.
        target : {ndarray, Series} of shape (683,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (683, 10)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    W. H. Wolberg and O. L. Mangasarian, "Multisurface method of pattern separation for medical
    diagnosis applied to breast cytology", PNAS 87, 1990.

    Examples
    --------
    >>> from skdeepad.datasets import load_breastw
    >>> X, y = load_breastw(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((683, 9), 239)
    """
    return load_shipped("breastw", return_X_y=return_X_y, as_frame=as_frame)


def load_cardio(*, return_X_y=False, as_frame=False):
    """Load the Cardiotocography set (anomaly detection).

    Features of fetal heart rate and uterine contractions, standardized; the anomalies are the
    recordings that experts called pathologic. Those called suspect are left out.

    =================   ==============
    Samples total                 1831
    Anomalies               176 (9.6%)
    Dimensionality                  21
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (1831, 21)
            Rows, as float64.
        target : {ndarray, Series} of shape (1831,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (1831, 22)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    D. Ayres-de-Campos, J. Bernardes, A. Garrido, J. Marques-de-Sá and L. Pereira-Leite,
    "SisPorto 2.0: a program for automated analysis of cardiotocograms", Journal of
    Maternal-Fetal Medicine 9, 2000.

    Examples
    --------
    >>> from skdeepad.datasets import load_cardio
    >>> X, y = load_cardio(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((1831, 21), 176)
    """
    return load_shipped("cardio", return_X_y=return_X_y, as_frame=as_frame)


def load_glass(*, return_X_y=False, as_frame=False):
    """Load the Glass Identification set (anomaly detection).

    Measurements on splinters of glass, scaled to about [0, 1]; the anomalies are the rarest of its
    kinds. The published file does not name its columns.

    =================   ==============
    Samples total                  214
    Anomalies                 9 (4.2%)
    Dimensionality                   7
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (214, 7)
            Rows, as float64.
        target : {ndarray, Series} of shape (214,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (214, 8)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    I. W. Evett and E. J. Spiehler, "Rule induction in forensic science", KBS in Government,
    1987.

    Examples
    --------
    >>> from skdeepad.datasets import load_glass
    >>> X, y = load_glass(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((214, 7), 9)
    """
    return load_shipped("glass", return_X_y=return_X_y, as_frame=as_frame)


def load_ionosphere(*, return_X_y=False, as_frame=False):
    """Load the Ionosphere set (anomaly detection).

    Radar returns from the ionosphere, real and imaginary parts scaled to [0, 1]; the anomalies are
    the returns that show no structure in it. The columns keep the numbers that they have at UCI.

    =================   ==============
    Samples total                  351
    Anomalies              126 (35.9%)
    Dimensionality                  32
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (351, 32)
            Rows, as float64.
        target : {ndarray, Series} of shape (351,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (351, 33)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    V. G. Sigillito, S. P. Wing, L. V. Hutton and K. B. Baker, "Classification of radar returns
    from the ionosphere using neural networks", Johns Hopkins APL Technical Digest 10, 1989.

    Examples
    --------
    >>> from skdeepad.datasets import load_ionosphere
    >>> X, y = load_ionosphere(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((351, 32), 126)
    """
    return load_shipped("ionosphere", return_X_y=return_X_y, as_frame=as_frame)


def load_thyroid(*, return_X_y=False, as_frame=False):
    """Load the Thyroid Disease set (anomaly detection).

    Age and five blood values of patients, scaled to [0, 1]; the anomalies are the rarer of
    the two classes of ill ones. The other counts as normal.

    =================   ==============
    Samples total                 3772
    Anomalies                93 (2.5%)
    Dimensionality                   6
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (3772, 6)
            Rows, as float64.
        target : {ndarray, Series} of shape (3772,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (3772, 7)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    J. R. Quinlan, P. J. Compton, K. A. Horn and L. Lazarus, "Inductive knowledge acquisition: a
    case study", Australian Conference on Applications of Expert Systems, 1986.

    Examples
    --------
    >>> from skdeepad.datasets import load_thyroid
    >>> X, y = load_thyroid(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((3772, 6), 93)
    """
    return load_shipped("thyroid", return_X_y=return_X_y, as_frame=as_frame)


def load_vowels(*, return_X_y=False, as_frame=False):
    """Load the Japanese Vowels set (anomaly detection).

    Twelve linear-prediction cepstrum coefficients of frames of speech; the anomalies are frames of
    one speaker among those of three others.

    =================   ==============
    Samples total                 1456
    Anomalies                50 (3.4%)
    Dimensionality                  12
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (1456, 12)
            Rows, as float64.
        target : {ndarray, Series} of shape (1456,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (1456, 13)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    M. Kudo, J. Toyama and M. Shimbo, "Multidimensional curve classification using
    passing-through regions", Pattern Recognition Letters 20, 1999.

    Examples
    --------
    >>> from skdeepad.datasets import load_vowels
    >>> X, y = load_vowels(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((1456, 12), 50)
    """
    return load_shipped("vowels", return_X_y=return_X_y, as_frame=as_frame)


def load_wdbc(*, return_X_y=False, as_frame=False):
    """Load the Breast Cancer Wisconsin (diagnostic) set (anomaly detection).

    Shapes of cell nuclei in images of a breast mass; the anomalies are the malignant ones, of which
    ten are kept. :func:`sklearn.datasets.load_breast_cancer` has all of them.

    =================   ==============
    Samples total                  367
    Anomalies                10 (2.7%)
    Dimensionality                  30
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (367, 30)
            Rows, as float64.
        target : {ndarray, Series} of shape (367,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (367, 31)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    W. N. Street, W. H. Wolberg and O. L. Mangasarian, "Nuclear feature extraction for breast
    tumor diagnosis", SPIE 1905, 1993.

    Examples
    --------
    >>> from skdeepad.datasets import load_wdbc
    >>> X, y = load_wdbc(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((367, 30), 10)
    """
    return load_shipped("wdbc", return_X_y=return_X_y, as_frame=as_frame)


def load_wine(*, return_X_y=False, as_frame=False):
    """Load the Wine set (anomaly detection).

    Chemical analysis of wines; the anomalies are ten wines of the first of three cultivars.
    :func:`sklearn.datasets.load_wine` has all wines and the three classes.

    =================   ==============
    Samples total                  129
    Anomalies                10 (7.8%)
    Dimensionality                  13
    =================   ==============

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    as_frame : bool, default=False
        If True, data and target are a pandas DataFrame and Series.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        data : {ndarray, DataFrame} of shape (129, 13)
            Rows, as float64.
        target : {ndarray, Series} of shape (129,)
            1 for an anomaly, 0 for a normal row.
        feature_names : list of str
            Names of the columns.
        target_names : ndarray of str
            ``["normal", "anomaly"]``.
        frame : DataFrame of shape (129, 14)
            Data and target; None unless ``as_frame=True``.
        DESCR : str
            Description.
        filename : str
            Path of the file.

    (data, target) : tuple, if ``return_X_y=True``
        The two alone.

    References
    ----------
    S. Aeberhard, D. Coomans and O. de Vel, "Comparative analysis of statistical pattern
    recognition methods in high dimensional settings", Pattern Recognition 27, 1994.

    Examples
    --------
    >>> from skdeepad.datasets import load_wine
    >>> X, y = load_wine(return_X_y=True)
    >>> X.shape, int(y.sum())
    ((129, 13), 10)
    """
    return load_shipped("wine", return_X_y=return_X_y, as_frame=as_frame)
