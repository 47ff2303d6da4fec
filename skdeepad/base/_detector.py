"""Base class of the detectors: validation, scaling, training, scores and threshold."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import final

import numpy as np
from sklearn.utils import check_random_state, gen_batches

from .._documentation import DocumentedEstimator
from .._validation import (
    CallbackSupportMixin,
    check_is_fitted,
    fit_context,
    take_rows,
)
from ..nn import MLPBackbone
from ..training import (
    DetectorNet,
    LazyRows,
    Run,
    build_net,
    history_table,
    seeded_weights,
    to_tensor,
    with_default_settings,
)
from ._common import CommonParameters
from ._labels import IgnoredLabels
from ._report import FitReport
from ._resuming import (
    all_or_nothing,
    as_begun,
    lasting_parameters,
    warn_of_changed_parameters,
)
from ._rows import as_given, is_large, rows_to_train_on
from ._saved_state import SavedStateMixin
from ._scaled_rows import ScaledRowsMixin
from ._threshold import ThresholdMixin
from ._training_scores import warn_if_degenerate

# Scoring validates and scales rows in slices of this many values.
SLICE_VALUES = 2**21


class BaseDetector(
    CommonParameters,
    CallbackSupportMixin,
    ScaledRowsMixin,
    ThresholdMixin,
    SavedStateMixin,
    DocumentedEstimator,
    ABC,
):
    """Abstract base class of the detectors.

    A detector declares its parameters and implements its torch module and ``_make_module``. It may
    extend ``_train`` (stages, updates at the end of an epoch), ``_calibrate``, ``_paper_offset``
    (the threshold that the paper defines), ``_make_scaler``, ``_labels`` and ``net_class``. The
    public methods here are final.

    The module has ``loss(x)`` and ``anomaly_score(x)``, both of shape (batch,). The anomaly score
    is float64 and higher for more abnormal rows. A detector that transforms needs ``encode(x)``
    too, and one that reconstructs ``decode(z)``.
    """

    net_class: type[DetectorNet] = DetectorNet

    #: Reader of ``y``.
    _labels: IgnoredLabels = IgnoredLabels()

    #: Attributes with one value per training row, and the value for rows of weight 0.
    _of_training_rows: dict[str, float] = {}

    # To be implemented by a detector ---------------------------------------------------------

    @abstractmethod
    def _make_module(self, n_features: int):
        """Return the torch module for scaled rows of ``n_features`` values."""

    def _train(self, run: Run, net: DetectorNet, X, y) -> None:
        """Train ``net`` on the scaled rows ``X``, a tensor of shape (n_samples, n_features).

        ``net.history`` is empty in a new fit and not empty in a fit that resumes.
        """
        run(net, X, y)

    def _calibrate(self, net: DetectorNet, X: np.ndarray) -> None:
        """Set the parts of the score that depend on the scaled training rows, after training."""

    def _check_rows(self, X: np.ndarray) -> None:
        """Raise if the scaled rows, or the parameters for this many rows, don't allow training."""

    def _check_range(self, X: np.ndarray) -> None:
        """Raise if the scaled rows are outside the values that a decoder can make."""

    def _note_rows(self, X: np.ndarray, rows: np.ndarray | slice) -> None:
        """Note what is needed of the training rows: ``rows`` of a table that is not scaled."""

    def _planned_epochs(self, net: DetectorNet, n_samples: int, epochs: int | None) -> int:
        """Return the number of epochs of a fit without early stopping; ``epochs`` is per net."""
        return net.planned_epochs(n_samples, epochs)

    def _make_backbone(self, **kwargs):
        """Return the user's backbone, or the MLP of ``hidden_layer_sizes``."""
        if self.backbone is not None:
            return self.backbone
        return MLPBackbone(**{"activation": self.activation} | kwargs)

    def _needs_more_than_a_pass(self) -> str | None:
        """Return the setting with which a score takes more than one pass through the net, or None.

        Such a score has no place in a file of operators.
        """

    # Fit -------------------------------------------------------------------------------------

    @final
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Fit the detector.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : array-like of shape (n_samples,) or None, default=None
            Known labels, for detectors that learn from them: below 0 an anomaly, above 0 a normal
            row, 0 an unlabelled row. Other detectors ignore them.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of times each row counts. A row of weight 2 is the same as the row given twice,
            and a row of weight 0 is ignored. Fractions that are not multiples of the smallest one,
            or that would make more than a hundred of each row, are rounded to quarters of their
            mean. Whole weights that sum to more than 2²⁰ are divided by their common divisor. If
            None, each row counts once.

        Returns
        -------
        self : object
            The fitted detector.
        """
        fresh = not (self.warm_start and self._has_trained())
        return self._fit(X, y, sample_weight, fresh=fresh)

    @final
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None):
        """Train for one epoch on the rows of ``X``.

        The first call fits the scaler and creates the net; later calls keep both. The threshold
        always refers to the rows of the last call.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two in the first call and one in later ones.
        y : array-like of shape (n_samples,) or None, default=None
            Known labels, for detectors that learn from them: below 0 an anomaly, above 0 a normal
            row, 0 an unlabelled row. Other detectors ignore them.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Number of times each row counts. A row of weight 2 is the same as the row given twice,
            and a row of weight 0 is ignored. Fractions that are not multiples of the smallest one,
            or that would make more than a hundred of each row, are rounded to quarters of their
            mean. Whole weights that sum to more than 2²⁰ are divided by their common divisor. If
            None, each row counts once.

        Returns
        -------
        self : object
            The fitted detector.
        """
        self._validate_params()  # scikit-learn skips the validation once the estimator is fitted
        return self._fit(X, y, sample_weight, fresh=not self._has_trained(), epochs=1)

    def _fit(self, X, y, sample_weight, *, fresh: bool, epochs: int | None = None):
        self._check_net_params()
        if fresh:
            return self._begin_or_resume(X, y, sample_weight, fresh, epochs)
        warn_of_changed_parameters(self, self._made_with)
        with as_begun(self, self._made_with):
            return self._begin_or_resume(X, y, sample_weight, fresh, epochs)

    @with_default_settings
    def _begin_or_resume(self, X, y, sample_weight, fresh: bool, epochs: int | None):
        with all_or_nothing(self):
            if fresh:
                self._masks = getattr(self, "missing", "raise") == "mask"
            data = self._validate(
                X,
                order=None if is_large(X) else "C",  # another order would be a copy
                ensure_min_samples=2 if fresh else 1,
                reset=fresh,
            )
            n_samples = len(data)
            weighing, counts = slice(None), None
            if sample_weight is not None:
                counts = self._repetitions(X, sample_weight, 2 if fresh else 1)
                weighing = np.flatnonzero(counts)
                counts = counts[weighing]
            labels = self._labels.read(self, y, n_samples, weighing, fresh=fresh)
            order = rows_to_train_on(data, labels, counts, weighing)
            rows = order if counts is None else weighing[order]
            labels = None if labels is None else labels[order]
            if fresh:
                seed = check_random_state(self.random_state).randint(2**31 - 1)
                self._begin_scaling(seed)
            table, data = data, self._scale_rows(data, rows, fit=fresh)
            self._check_rows(data)
            if fresh or self.scaler is None:  # scaled, later rows may exceed the first ones
                self._check_range(data)
            self._note_rows(table, rows)
            n_own = len(data)
            data, labels = self._labels.recall(self, data, labels, fresh=fresh)
            if fresh:
                self._n_scaled_features = data.shape[1]
                self.net_ = self._make_net(self._make_module, data.shape[1], seed=seed)
                self._made_with = lasting_parameters(self)
            else:
                params = self._net_parameters()
                self.net_.update_budget(**params | dict(params.get("net_params") or {}))
            report = FitReport(
                self,
                X,
                y,
                self._planned_epochs(self.net_, len(data), epochs),
                lambda: {"training_scores_": self._score_training_rows(data, n_own)},
            )
            tensor = to_tensor(data, self.device)
        self._forget_threshold()  # the old threshold doesn't fit the new weights
        run = Run(type(self).__name__, epochs, self.verbose, report.epoch)
        self._train(run, self.net_, tensor, labels)
        for name, missing in self._of_training_rows.items():
            setattr(self, name, as_given(getattr(self, name), rows, n_samples, missing))
        self.training_scores_ = self._score_training_rows(data, n_own)
        warn_if_degenerate(self.training_scores_)
        report.end()
        return self

    def _make_net(self, make_module: Callable, *args, seed: int, **kwargs) -> DetectorNet:
        """Return a net with a new module; ``kwargs`` override parameters."""
        with seeded_weights(seed):
            module = make_module(*args)
        params = self._net_parameters() | kwargs
        return build_net(module, net_class=self.net_class, seed=seed, **params)

    def _score_training_rows(self, X: np.ndarray, n_own: int) -> np.ndarray:
        """Return the sorted scores of the scaled training rows, without the recalled ones."""
        self._calibrate(self.net_, X)
        own = X.of_the_table() if isinstance(X, LazyRows) else X[:n_own]
        scores = self.net_.apply(self._training_score(self.net_.module_), own)
        np.negative(scores, out=scores)  # for many rows, a copy is much memory
        scores.sort()
        return scores

    def _score_known_rows(self, X) -> np.ndarray:
        """Return the scores of training rows that are not yet scaled."""
        return -self._apply(self._training_score(self.net_.module_), X)

    def _training_score(self, module) -> Callable:
        """Return the function that scores training rows.

        Override it if a row must not be compared with itself.
        """
        return module.anomaly_score

    # Score -----------------------------------------------------------------------------------

    def _apply(self, function: Callable, X) -> np.ndarray:
        """Apply a function of the module to rows that are not yet scaled, slice by slice.

        The slices bound the memory for any number of rows, memory-mapped ones included.
        """
        check_is_fitted(self)
        shape = getattr(X, "shape", ())
        size = max(1, SLICE_VALUES // max(1, self.n_features_in_))
        if len(shape) != 2 or not isinstance(shape[0], int) or shape[0] <= size:
            return self._apply_to_slice(function, X)
        out: np.ndarray | None = None
        for rows in gen_batches(shape[0], size):
            values = self._apply_to_slice(function, take_rows(X, rows))
            if out is None:
                out = np.empty((shape[0], *values.shape[1:]), dtype=values.dtype)
            out[rows] = values
        return out

    def _apply_to_slice(self, function: Callable, X) -> np.ndarray:
        X = self._validate(X, order="C", reset=False)
        if not self._clips:
            X = X.copy()  # the user's scaler may write into it
        return self.net_.apply(function, self._scale(X))

    @final
    def score_samples(self, X):
        """Return the score of each row; higher scores are more normal.

        The score of a row does not depend on the other rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            The negative of the method's anomaly score.
        """
        check_is_fitted(self)
        scores = self._apply(self.net_.module_.anomaly_score, X)
        return np.negative(scores, out=scores)

    # Attributes ------------------------------------------------------------------------------

    @property
    def history_(self) -> dict[str, np.ndarray]:
        """Losses of the epochs: a dict of arrays of shape ``(n_iter_,)``."""
        check_is_fitted(self)
        return history_table(self.net_)

    @property
    def n_iter_(self) -> int:
        """Number of epochs run."""
        check_is_fitted(self)
        return len(self.net_.history)

    def _has_trained(self) -> bool:
        """Return whether fitting can resume.

        It can once one epoch is complete, even if the last fit was interrupted.
        """
        return hasattr(self, "net_") and len(self.net_.history) > 0
