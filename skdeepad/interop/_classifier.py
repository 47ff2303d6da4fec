"""A detector as a binary classifier."""

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, clone
from sklearn.utils import assert_all_finite, check_consistent_length
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import column_or_1d, has_fit_parameter

from .._documentation import DocumentedEstimator
from .._validation import HasMethods, check_is_fitted, fit_context
from ..autoencoder import AutoEncoder
from ..base._parameters import detector, param
from ..base._resuming import all_or_nothing
from ..base._rows import read_weights
from ..base._saved_state import SavedVersionMixin
from ..base._wrapper import WrapperMixin
from ..training import warn

# Labels of normal rows and anomalies, if the labels leave open which they are.
NORMAL, ANOMALY = 0, 1


@detector
class DetectorClassifier(SavedVersionMixin, ClassifierMixin, WrapperMixin, DocumentedEstimator):
    """Outlier detector as a binary classifier, whose positive class are the anomalies.

    Tools for classifiers then work on a detector: tuned thresholds and calibrated probabilities,
    curves of scikit-learn's displays, ``cross_val_predict``, stacking and scorers that are given by
    name, such as ``scoring="roc_auc"``.

    Read more in the :ref:`User Guide <detector_classifier>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : estimator or None, default=None
        Outlier detector with ``fit``, ``predict`` and ``decision_function``, or a pipeline that
        ends in one. If None, it is :class:`~skdeepad.AutoEncoder` with its defaults.

    Attributes
    ----------
    detector_ : estimator
        The fitted detector.
    classes_ : ndarray of shape (2,)
        Labels of normal rows and of anomalies, in this order. The greater label is that of the
        anomalies.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    sklearn.model_selection.TunedThresholdClassifierCV : A threshold that maximises a metric.
    sklearn.calibration.CalibratedClassifierCV : Probabilities.

    Notes
    -----
    The detector gets the labels by their signs, −1 for anomalies and +1 for normal rows; detectors
    that learn from labels use them, and others train on all rows. Outlier detectors call an anomaly
    −1, which is the smaller label: map such labels to 0 and 1 first. A warning says so where labels
    are −1 and +1, and most of them +1.

    Examples
    --------
    >>> from sklearn.model_selection import cross_val_score
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.datasets import load_wine
    >>> from skdeepad.interop import DetectorClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = DetectorClassifier(AutoEncoder(max_epochs=20, random_state=0))
    >>> scores = cross_val_score(classifier, X, y, cv=3, scoring="roc_auc")
    >>> scores.shape
    (3,)
    """

    detector: Any = param(
        HasMethods(["fit", "predict", "decision_function"]), None, default=None, kw_only=False
    )

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Fit the detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Labels of two classes. If all labels are 0, all rows are normal, and anomalies have the
            label 1.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights, if ``fit`` of the detector takes them.

        Returns
        -------
        self : object
            The fitted classifier.
        """
        estimator = self._prototype()
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        weights, weighs = {}, slice(None)
        if sample_weight is not None:
            if not has_fit_parameter(estimator, "sample_weight"):
                raise ValueError(f"detector={estimator!r} takes no sample_weight.")
            weights["sample_weight"] = sample_weight
            weighs = read_weights(sample_weight, X) > 0
        classes, is_anomaly = _read_classes(y)
        if classes.tolist() == [-1, 1] and is_anomaly[weighs].mean() > 0.5:
            warn(
                "y holds -1 and 1, and 1, the label of most rows, is read as an anomaly. If -1 "
                "marks anomalies, pass y == -1."
            )
        if is_anomaly[weighs].all():
            raise ValueError(
                f"y has one class, {classes[1]}, that of the anomalies: there is no normal row "
                "to learn from."
            )
        signs = np.where(is_anomaly, -1, 1)
        with all_or_nothing(self):
            self.detector_ = clone(estimator).fit(X, signs, **weights)
            self.classes_ = classes
        return self

    def decision_function(self, X):
        """Return how far each row is beyond the detector's threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        decision : ndarray of shape (n_samples,)
            The negative of the detector's ``decision_function``: positive for anomalies.
        """
        check_is_fitted(self)
        return -self.detector_.decision_function(X)

    def predict(self, X):
        """Return the label of each row, by the detector's threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to label.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Values of ``classes_``.
        """
        check_is_fitted(self)
        return self.classes_[(self.detector_.predict(X) < 0).astype(int)]

    def _prototype(self):
        return AutoEncoder() if self.detector is None else self.detector

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = True  # anomalies are not what sets classes apart
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "detector_")


def _read_classes(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the two labels, and a mask of the greater one, which is that of the anomalies."""
    if not len(y):
        raise ValueError("X and y have 0 sample(s), while a minimum of 1 is required.")
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    classes = np.unique(y)
    if len(classes) == 1 and classes[0] in (NORMAL, ANOMALY):
        classes = np.array([NORMAL, ANOMALY], dtype=classes.dtype)
    if len(classes) == 1:
        raise ValueError(
            f"y has one class, {classes[0]}: it must be {NORMAL} if all rows are normal."
        )
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(y)}: y has {len(classes)} labels."
        )
    return classes, y == classes[1]
