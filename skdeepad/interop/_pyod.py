"""Detectors of pyod's as scikit-learn's, and the other way round."""

from copy import deepcopy
from inspect import Parameter, signature
from typing import Any

import numpy as np
from sklearn.base import MetaEstimatorMixin
from sklearn.utils import check_random_state

from .._documentation import DocumentedEstimator
from .._tables import validate_data
from .._validation import HasMethods, check_is_fitted, fit_context, float_types
from ..base._labels import check_labels
from ..base._parameters import detector, param
from ..base._resuming import all_or_nothing
from ..base._saved_state import SavedVersionMixin
from ..base._threshold import DecisionMixin
from ._foreign import is_pyod, rebuilt, seeded


@detector
class PyODDetector(SavedVersionMixin, MetaEstimatorMixin, DecisionMixin, DocumentedEstimator):
    """Detector of pyod's as an outlier detector of scikit-learn's.

    Scores are higher for more normal rows, and labels are +1 for inliers and −1 for outliers, so
    that pipelines, searches and :mod:`skdeepad.metrics` read them right. :func:`from_pyod` makes
    one.

    Read more in the :ref:`User Guide <from_pyod>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : detector of pyod's
        Detector; ``fit`` uses a new one with its parameters.
    random_state : int, RandomState instance or None, default=None
        Seed, which replaces a ``random_state`` of the detector. Many of pyod's detectors draw from
        the global states of numpy and torch: those are seeded, too, while the detector is at work.
        If None, a ``random_state`` of the detector stays as it is.

    Attributes
    ----------
    detector_ : detector of pyod's
        The fitted detector.
    offset_ : float
        Threshold on ``score_samples``, the negative of the detector's ``threshold_``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    Examples
    --------
    >>> from pyod.models.knn import KNN
    >>> from sklearn.model_selection import GridSearchCV, StratifiedKFold
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.interop import from_pyod
    >>> from skdeepad.metrics import anomaly_roc_auc_scorer
    >>> X, y = load_wine(return_X_y=True)
    >>> search = GridSearchCV(
    ...     from_pyod(KNN()),
    ...     {"detector__n_neighbors": [3, 5]},
    ...     scoring=anomaly_roc_auc_scorer,
    ...     cv=StratifiedKFold(3, shuffle=True, random_state=0),
    ... )
    >>> search.fit(X, y).best_params_["detector__n_neighbors"] in (3, 5)
    True
    """

    detector: Any = param(HasMethods(["fit", "decision_function"]), default=None, kw_only=False)
    random_state: Any = param("random_state", default=None)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit a new detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,) or None, default=None
            Known labels, for detectors that need them: below 0 an anomaly. Others ignore them.

        Returns
        -------
        self : object
            The fitted detector.
        """
        if not is_pyod(type(self.detector)):
            raise TypeError(f"detector={self.detector!r} must be a detector of pyod's.")
        with all_or_nothing(self):
            X = validate_data(self, X, dtype=float_types(X), ensure_min_samples=2)
            self._seed = check_random_state(self.random_state).randint(2**31 - 1)
            labels = {}
            if _needs_labels(self.detector):
                if y is None:
                    name = type(self.detector).__name__
                    raise ValueError(f"{name} learns from labels, but y is None.")
                labels["y"] = (check_labels(y, len(X)) < 0).astype(int)
            given = None if self.random_state is None else self._seed
            with seeded(self._seed):
                self.detector_ = rebuilt(self.detector, given, n_features=X.shape[1])
                self.detector_.fit(X, **labels)
        return self

    def _score_known_rows(self, X) -> np.ndarray:
        """Return the scores of the training rows, which leave out the row itself."""
        return -np.asarray(self.detector_.decision_scores_, dtype=np.float64)

    def score_samples(self, X):
        """Return the score of each row; higher scores are more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The negative of the detector's ``decision_function``.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float_types(X), reset=False)
        with seeded(self._seed):
            return -np.asarray(self.detector_.decision_function(X), dtype=np.float64).ravel()

    @property
    def offset_(self) -> float:
        check_is_fitted(self)
        return -float(self.detector_.threshold_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "detector_")

    def __sklearn_clone__(self):
        # Some constructors of pyod change their parameters, which scikit-learn's clone refuses.
        copied = self.detector
        if is_pyod(type(copied)):
            with seeded(0):
                copied = rebuilt(copied, None)
        return type(self)(copied, random_state=deepcopy(self.random_state))


def _needs_labels(detector) -> bool:
    """Return whether ``fit`` of a detector of pyod's has a parameter ``y`` without a default."""
    parameters = signature(detector.fit).parameters
    return "y" in parameters and parameters["y"].default is Parameter.empty


def from_pyod(detector, *, random_state=None) -> PyODDetector:
    """Return a detector of pyod's as an outlier detector of scikit-learn's.

    Read more in the :ref:`User Guide <from_pyod>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : detector of pyod's
        Detector, fitted or not; only its parameters are used.
    random_state : int, RandomState instance or None, default=None
        Seed, as in :class:`PyODDetector`.

    Returns
    -------
    detector : PyODDetector
        Detector with scikit-learn's signs, which can be cloned and searched
        (``detector__n_neighbors``).

    Raises
    ------
    TypeError
        If ``detector`` is not one of pyod's.

    Examples
    --------
    >>> import numpy as np
    >>> from pyod.models.hbos import HBOS
    >>> from skdeepad.interop import from_pyod
    >>> X = np.random.RandomState(0).randn(200, 2)
    >>> from_pyod(HBOS()).fit(X).predict([[0.0, 0.0], [6.0, -6.0]])
    array([ 1, -1])
    """
    if not is_pyod(type(detector)):
        raise TypeError(f"detector={detector!r} must be a detector of pyod's, and no class.")
    return PyODDetector(detector, random_state=random_state)


def to_pyod(detector, *, contamination=None):
    """Return an outlier detector of scikit-learn's as one of pyod's.

    It has pyod's attributes and methods, ``decision_scores_``, ``labels_``, ``threshold_``,
    ``predict_proba`` and the others of its base class, with pyod's signs: scores are higher for
    anomalies, whose label is 1.

    Read more in the :ref:`User Guide <from_pyod>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : estimator
        Outlier detector with ``fit`` and ``score_samples``, or a pipeline that ends in one.
    contamination : float in (0, 0.5], thresholder of pythresh or None, default=None
        Share of the training rows that are anomalies. If None, that of ``detector`` if it is a
        number, else 0.1.

    Returns
    -------
    detector : detector of pyod's
        ``fit`` trains a clone of ``detector``.

    Raises
    ------
    ImportError
        If pyod is not installed.
    TypeError
        If `detector` has not both methods.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.interop import to_pyod
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = to_pyod(AutoEncoder(max_epochs=20, random_state=0)).fit(X)
    >>> det.labels_.mean().item()
    0.1
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([0, 1])
    """
    try:
        from ._as_pyod import DetectorOfPyOD
    except ImportError as error:
        raise ImportError("to_pyod needs pyod: pip install pyod") from error
    if isinstance(detector, type) or not all(
        hasattr(detector, m) for m in ("fit", "score_samples")
    ):
        raise TypeError(
            f"detector={detector!r} must be an instance with fit and score_samples, as "
            "LocalOutlierFactor(novelty=True) is."
        )
    return DetectorOfPyOD(detector, contamination=contamination)
