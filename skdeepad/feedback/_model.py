"""What learns from the answers."""

import numpy as np
from sklearn.base import is_classifier, is_outlier_detector
from sklearn.ensemble import ExtraTreesClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .._validation import innermost, last_step
from ..base import BaseDetector
from ..base._scaling import CLIP, check_scaled, compress_in_place
from ..base._training_scores import median_and_unit
from ..neighbors import LeSiNN
from ._prior import MOST


class Learned:
    """A model that is fitted to answers, with anomaly scores as large as probabilities.

    Parameters
    ----------
    model : estimator
        An unfitted classifier or detector.
    scaler : StandardScaler
        The fitted scaler of rows.
    rows : ndarray of shape (n_rows, n_features)
    columns : ndarray of shape (n_rows, n_columns)
        Prior scores of the rows.
    signs : ndarray of shape (n_rows,)
        Below 0 an anomaly, 0 unlabelled or presumed normal, above 0 a normal row.

    Attributes
    ----------
    classifies : bool
        Whether the model is a classifier, which learns from prior scores too.
    unit : (float, float)
        Median and unit of a detector's scores.
    """

    def __init__(self, model, scaler: StandardScaler, rows, columns, signs) -> None:
        self.model, self.scaler, self.classifies = model, scaler, classifies(model)
        features = self._features(rows, columns)
        if self.classifies:
            model.fit(features, (signs < 0).astype(int))
        else:
            model.fit(features, signs)
            self.unit = median_and_unit(np.sort(model.score_samples(features)))

    def scores(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the anomaly scores of rows with these prior scores."""
        features = self._features(rows, columns)
        if self.classifies:
            return self.model.predict_proba(features)[:, list(self.model.classes_).index(1)]
        median, unit = self.unit
        return (median - self.model.score_samples(features)) / unit / MOST

    def _features(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return what the model learns from."""
        scaled = scaled_by(self.scaler, rows)
        return np.hstack([scaled, columns]).astype(np.float32) if self.classifies else scaled


class LinearClassifier(LogisticRegression):
    """Logistic regression whose value for a row does not depend on the rows beside it."""

    def fit(self, X, y, sample_weight=None):
        """Fit the coefficients to finite rows; their products are not warned of as invalid.

        OpenBLAS now and then says so of a product of finite numbers, as in numpy's issue 24067.
        """
        with np.errstate(all="ignore"):
            return super().fit(X, y, sample_weight)

    def decision_function(self, X):
        """Return the logit of each row; it is added up row by row, not by a matrix product."""
        return (np.asarray(X, dtype=np.float64) * self.coef_[0]).sum(axis=1) + self.intercept_[0]


def scaler_of(rows: np.ndarray) -> StandardScaler:
    """Return a scaler that is fitted to rows; raise if they can't be scaled in float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaler = StandardScaler().set_output(transform="default").fit(rows)
    scaled_by(scaler, rows)
    return scaler


def scaled_by(scaler: StandardScaler, rows: np.ndarray) -> np.ndarray:
    """Return standardised rows, compressed beyond ±20, in float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = compress_in_place(scaler.transform(rows), CLIP)
    return check_scaled(scaled, rows, scaler, bool(np.isnan(rows).any()))


def default_model() -> VotingClassifier:
    """Return the mean of trees and of a logistic regression."""
    trees = ExtraTreesClassifier(100, max_features=0.3, class_weight="balanced")
    linear = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=0.0, keep_empty_features=True),
        LinearClassifier(C=0.1, class_weight="balanced", max_iter=1000),
    ).set_output(transform="default")
    parts = [("trees", trees), ("linear", linear)]
    return VotingClassifier(parts, voting="soft", weights=[2, 1])


def classifies(model) -> bool:
    """Return whether a model is a classifier; a detector may have probabilities of its classes."""
    return is_classifier(model) or not hasattr(model, "score_samples")


def ignores_labels(model) -> bool:
    """Return whether a model is, or consists of, detectors that are known to ignore labels."""
    return not hasattr(last_step(model), "teach") and all(map(_ignores_labels, innermost(model)))


def _ignores_labels(detector) -> bool:
    if isinstance(detector, BaseDetector):
        return not detector._labels.learned
    of_sklearn = type(detector).__module__.startswith("sklearn.")
    return isinstance(detector, LeSiNN) or (of_sklearn and is_outlier_detector(detector))
