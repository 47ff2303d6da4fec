"""Loaders of the eight sets inside the package."""

from ._shipped import load_shipped


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
        With ``data`` of shape (683, 9), ``target`` of shape (683,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_breastw, return_X_y=return_X_y, as_frame=as_frame)


def load_cardio(*, return_X_y=False, as_frame=False):
    """Load the Cardiotocography set (anomaly detection).

    Features of fetal heart rate and uterine contractions, standardized; the anomalies are the
    recordings that experts classified as pathologic. Suspect ones are left out.

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
        With ``data`` of shape (1831, 21), ``target`` of shape (1831,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_cardio, return_X_y=return_X_y, as_frame=as_frame)


def load_glass(*, return_X_y=False, as_frame=False):
    """Load the Glass Identification set (anomaly detection).

    Measurements on splinters of glass, scaled to about [0, 1]; the anomalies are the rarest kind of
    glass. The published file does not name its columns.

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
        With ``data`` of shape (214, 7), ``target`` of shape (214,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_glass, return_X_y=return_X_y, as_frame=as_frame)


def load_ionosphere(*, return_X_y=False, as_frame=False):
    """Load the Ionosphere set (anomaly detection).

    Radar returns from the ionosphere, real and imaginary parts scaled to [0, 1]; the anomalies are
    the returns that show no structure.

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
        With ``data`` of shape (351, 32), ``target`` of shape (351,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_ionosphere, return_X_y=return_X_y, as_frame=as_frame)


def load_thyroid(*, return_X_y=False, as_frame=False):
    """Load the Thyroid Disease set (anomaly detection).

    Age and five blood values of patients, scaled to [0, 1]; the anomalies are the rarer of the two
    classes of ill patients. The other class counts as normal.

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
        With ``data`` of shape (3772, 6), ``target`` of shape (3772,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_thyroid, return_X_y=return_X_y, as_frame=as_frame)


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
        With ``data`` of shape (1456, 12), ``target`` of shape (1456,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_vowels, return_X_y=return_X_y, as_frame=as_frame)


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
        With ``data`` of shape (367, 30), ``target`` of shape (367,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_wdbc, return_X_y=return_X_y, as_frame=as_frame)


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
        With ``data`` of shape (129, 13), ``target`` of shape (129,), ``feature_names``,
        ``target_names``, ``frame`` (None unless ``as_frame=True``), ``DESCR`` and ``filename``.

    (data, target) : tuple, if ``return_X_y=True``
        Data and target only.

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
    return load_shipped(load_wine, return_X_y=return_X_y, as_frame=as_frame)
