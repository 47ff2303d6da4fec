"""A detector that asks about rows, and learns from the answers."""

from typing import Any

import numpy as np
from sklearn.base import MetaEstimatorMixin, clone
from sklearn.utils import check_random_state, get_tags

from .._documentation import DocumentedEstimator
from .._tables import lines_of, validate_data
from .._validation import (
    HasMethods,
    check_integer,
    check_is_fitted,
    check_parameter,
    fit_context,
    take_rows,
)
from ..base._labels import check_labels, warn_of_ones
from ..base._parameters import CONTAMINATION, NON_NEGATIVE, detector, param
from ..base._resuming import all_or_nothing
from ..base._saved_state import SavedVersionMixin
from ..base._seeds import reseeded
from ..base._threshold import DecisionMixin, OffsetMixin
from ..ensemble import default_detector
from ._answers import (
    Answers,
    kinds_of,
    numbers_among,
    read_answers,
    read_numbers,
    shape_of,
)
from ._model import Learned, classifies, default_model, ignores_labels, scaler_of
from ._prior import Prior
from ._questions import draw_questions, exponent_for, share_of_anomalies

# With fewer known normal rows than the first number, so many more are taken for normal, rows of the
# lower part of the ranking.
N_NORMAL, N_PRESUMED, PRESUMED_SHARE = 5, 400, 0.8


@detector
class FeedbackDetector(
    SavedVersionMixin, MetaEstimatorMixin, DecisionMixin, OffsetMixin, DocumentedEstimator
):
    r"""Outlier detector that asks about some training rows, and learns from the answers.

    A detector without labels ranks the rows. :meth:`query` returns the rows of which an answer is
    worth most, and :meth:`teach` takes the answers, as in [1]_. A classifier then learns from the
    features and from the scores of the detector, its *prior*, and the anomaly score of a row is

    .. math:: a(x) = P(\text{anomaly} | x) + w\, q(x),

    with the prior score :math:`q`, the distance from the median of the training rows in units of
    that of their .95 quantile, clipped to [-1, 5]. Until an anomaly is known, the scores are those
    of the prior.

    Rows to ask about are drawn with a probability that falls with their rank in the current
    ranking, :math:`p_r \propto r^{-\alpha}`. Questions about the head of the ranking alone teach
    little of anomalies that do not stand out, and questions about rows at random find no rare ones.
    So :math:`\alpha` is 1.3 as long as anomalies seem rare, and falls to 0 as the answers show,
    each weighted by the inverse of its probability, that they are frequent.

    Read more in the :ref:`User Guide <feedback>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    detector : estimator or None, default=None
        The prior: an outlier detector with ``fit`` and ``score_samples``. If None, it is
        :func:`~skdeepad.default_detector`.
    model : estimator or None, default=None
        What learns from the answers. If None, it is a mean of an
        :class:`~sklearn.ensemble.ExtraTreesClassifier`, which counts twice, and of a
        :class:`~sklearn.linear_model.LogisticRegression`, which learns more from the first answers.
        Any classifier with ``predict_proba`` learns from the features of the answered rows,
        standardised and compressed beyond ±20, followed by the prior score, or by that of each
        member if the prior is a :class:`~skdeepad.DetectorEnsemble`. As long as fewer than five
        normal rows are known, up to 400 rows of the lower four fifths of the prior's ranking are
        taken for normal beside them. A detector with
        ``score_samples``, such as :class:`~skdeepad.DevNet`, learns from the features of all
        training rows, and its anomaly score stands for the probability, as a fifth of what
        :math:`q` would be without clipping. Detectors that are known to ignore labels are refused.
    prior_weight : float, default=0.15
        Weight :math:`w` of the prior score beside the probability.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    random_state : int, RandomState instance or None, default=None
        Source of the seeds of the detector, of the model and of the questions.

    Attributes
    ----------
    prior_ : estimator
        The fitted detector.
    model_ : estimator or None
        The fitted model, None as long as no anomaly is known.
    answered_ : ndarray of int of shape (n_answers,)
        Numbers of the training rows with an answer, in ascending order. Of equal rows it is the
        first, unless the answers are labels of ``fit``.
    answers_ : ndarray of int of shape (n_answers,)
        The answers, -1 for an anomaly and 1 for a normal row.
    training_scores_ : ndarray of shape (n_samples,)
        Scores of the training rows, in ascending order.
    offset_ : float
        Threshold on ``score_samples``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    DevNet : Learns from labels that are there before ``fit``.
    TunedThreshold : Tunes a threshold with known labels.

    Notes
    -----
    The threshold is a quantile of the scores of the training rows, in which the model has seen the
    answers. Where most of them have an answer, it is lower than for new rows: tune it by
    :class:`~skdeepad.calibration.TunedThreshold` then. ``model`` and ``prior_weight`` are read when
    answers are taught.

    The number of answers matters more than the order in which they come, and scores don't depend on
    that order. Features must be numbers: in a pipeline, put encoders before this detector, and call
    ``pipeline[-1].query()``. Training rows are kept, because questions are about them.

    References
    ----------
    .. [1] S. Das et al., "Active anomaly detection via ensembles: insights, algorithms, and
       interpretability", 2019, arXiv:1901.08930.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad.datasets import load_cardio
    >>> from skdeepad.feedback import FeedbackDetector
    >>> from skdeepad.metrics import anomaly_average_precision
    >>> X, y = load_cardio(return_X_y=True)
    >>> det = FeedbackDetector(random_state=0).fit(X[::2])
    >>> before = anomaly_average_precision(y[1::2], det.score_samples(X[1::2]))
    >>> for _ in range(3):
    ...     rows = det.query(10)
    ...     det = det.teach(rows, np.where(y[::2][rows] == 1, -1, 1))  # a person's answers
    >>> after = anomaly_average_precision(y[1::2], det.score_samples(X[1::2]))
    >>> bool(after > before + 0.1)
    True
    """

    detector: Any = param(HasMethods(["fit", "score_samples"]), None, default=None, kw_only=False)
    model: Any = param(
        HasMethods(["fit", "predict_proba"]),
        HasMethods(["fit", "score_samples"]),
        None,
        default=None,
    )
    prior_weight: float = param(NON_NEGATIVE, default=0.15)
    contamination: float | str = param(*CONTAMINATION, default=0.1)
    random_state: Any = param("random_state", default=None)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the prior, and forget all answers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, at least two.
        y : array-like of shape (n_samples,) or None, default=None
            Labels that are known already: below 0 an anomaly, above 0 a normal row, 0 an unlabelled
            row. They count as answers.

        Returns
        -------
        self : object
            The fitted detector.
        """
        self._check_learning()
        with all_or_nothing(self):
            self._rows = self._read(X, reset=True)
            self._scaler = scaler_of(self._rows)
            signs = np.sign(check_labels(y, len(self._rows), all_known=True)).astype(int)
            warn_of_ones(signs, "rows of 1 are answered as normal ones")
            rng = check_random_state(self.random_state)
            seed, self._seed = rng.randint(2**31 - 1, size=2).tolist()
            self.prior_ = reseeded(clone(self._prototype()), seed).fit(X, y=None)
            self._prior = Prior(self.prior_, X)
            self._kinds = kinds_of(self._rows)
            self._chances: dict[int, float] = {}
            known = np.flatnonzero(signs)
            none = Answers.none(self._rows, self._prior.columns)
            self._learn(none.to(known, signs[known], self._kinds))
        return self

    def query(self, n_rows=10):
        """Return training rows of which an answer is worth most.

        They are the same until :meth:`teach` is called. No two of them are equal rows, and none
        equals a row that has an answer.

        Parameters
        ----------
        n_rows : int, default=10
            Number of rows to ask about. There are fewer if fewer are left.

        Returns
        -------
        rows : ndarray of int of shape (n_rows,)
            Numbers of rows of the ``X`` of ``fit``, those of higher anomaly scores first. Of equal
            rows it is the first.
        """
        check_is_fitted(self)
        check_integer("n_rows", n_rows)
        rng = np.random.RandomState([self._seed, len(self.answered_)])
        rows, chances = draw_questions(
            self._current, self._kinds, self._is_open(), n_rows, self._exponent(), rng
        )
        rows = self._kinds[rows]  # of equal rows the first
        self._chances = self._chances | dict(zip(rows.tolist(), chances.tolist(), strict=True))
        return rows

    def teach(self, rows, labels):
        """Learn from answers.

        Parameters
        ----------
        rows : array-like of int of shape (n_rows,), or of shape (n_rows, n_features)
            Numbers of training rows, as :meth:`query` returns them, or other rows. Rows are taken
            for training rows if all their values are equal in float64.
        labels : array-like of shape (n_rows,)
            The answers: below 0 an anomaly, above 0 a normal row. A new answer replaces an earlier
            one about an equal row, and 0 withdraws it. Equal rows must have equal answers.

        Returns
        -------
        self : object
            The detector.
        """
        check_is_fitted(self)
        self._check_learning()
        shape = shape_of(rows)
        if shape[:1] == (0,):
            if np.shape(labels) != (0,):
                raise ValueError(f"labels={labels!r} must be empty if rows={rows!r} are.")
            return self
        if len(shape) == 2:
            table = self._read(rows, reset=False)
            numbers, keys = numbers_among(table, self._rows), lines_of(table).tolist()
        else:
            numbers = self._kinds[read_numbers(rows, *self._rows.shape)]
            table, keys = self._rows[numbers], numbers.tolist()
        signs = read_answers(labels, keys)
        with all_or_nothing(self):
            is_known = numbers >= 0
            answers = self._answers.to(numbers[is_known], signs[is_known], self._kinds)
            if not is_known.all():
                columns = self._prior.columns_of(take_rows(rows, np.flatnonzero(~is_known)))
                answers = answers.to_others(table[~is_known], columns, signs[~is_known])
            self._learn(answers)
        return self

    def score_samples(self, X):
        """Return the score of each row; higher scores are more normal.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        scores : ndarray of shape (n_samples,)
            Those of the prior as long as no anomaly is known. Then the negative of the probability
            of an anomaly and of the weighted prior score.
        """
        check_is_fitted(self)
        learned = self._learned
        if learned is None:
            return self.prior_.score_samples(X)
        rows = self._read(X, reset=False)
        return -self._anomaly_scores(learned, rows, self._prior.columns_of(X))

    # What is learned --------------------------------------------------------------------------

    def _learn(self, answers: Answers) -> None:
        """Fit the model to all answers, and score the training rows."""
        self._answers = answers
        self.answered_, self.answers_ = answers.numbers, answers.signs
        self._weight = self.prior_weight
        self._learned = self._learn_from(answers)
        self.model_ = None if self._learned is None else self._learned.model
        self._current = -self._prior.scores
        if self._learned is not None:
            self._current = self._anomaly_scores(self._learned, self._rows, self._prior.columns)
        self._forget_threshold()
        self.training_scores_ = np.sort(-self._current)

    def _learn_from(self, answers: Answers) -> Learned | None:
        """Return what is learned; None if no anomaly is known, or there is nothing beside them."""
        signs = np.r_[answers.signs, answers.signs_of_rows]
        if not (signs < 0).any():
            return None
        model = reseeded(clone(default_model() if self.model is None else self.model), self._seed)
        more = np.empty(0, dtype=int)
        if not classifies(model):  # it learns from unlabelled rows, too
            more = np.flatnonzero(self._is_open())
        elif (signs > 0).sum() < N_NORMAL:
            more = self._presumed_normal()
        if not len(more) and (signs < 0).all():
            return None
        numbers = np.r_[answers.numbers, more]
        rows = np.vstack([self._rows[numbers], answers.rows])
        columns = np.vstack([self._prior.columns[numbers], answers.columns])
        signs = np.r_[answers.signs, np.zeros(len(more), dtype=int), answers.signs_of_rows]
        return Learned(model, self._scaler, rows, columns, signs)

    def _exponent(self) -> float:
        """Return how steeply the chance of a question falls with the rank of its row."""
        pairs = zip(self.answered_.tolist(), self.answers_ < 0, strict=True)
        known = [(self._chances[i], is_anomaly) for i, is_anomaly in pairs if i in self._chances]
        return exponent_for(share_of_anomalies(known, len(self._rows)))

    def _is_open(self) -> np.ndarray:
        """Return a mask of the training rows that equal none with an answer."""
        return ~np.isin(self._kinds, self._kinds[self._answers.numbers])

    def _presumed_normal(self) -> np.ndarray:
        """Return numbers of training rows that are probably normal."""
        prior = self._prior.mean(self._prior.columns)
        is_low = prior <= np.quantile(prior, PRESUMED_SHARE)
        low = np.flatnonzero(is_low & self._is_open())
        rng = np.random.RandomState(self._seed)
        return np.sort(rng.permutation(low)[:N_PRESUMED])

    def _anomaly_scores(
        self, learned: Learned, rows: np.ndarray, columns: np.ndarray
    ) -> np.ndarray:
        return learned.scores(rows, columns) + self._weight * self._prior.mean(columns)

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        if "prior_" in state and "_allows_nan" not in state:  # a file of an earlier version
            self._allows_nan = self.__sklearn_tags__().input_tags.allow_nan
        if "_answers" in state and "_learned" not in state:  # a file of an earlier version
            self._scaler = scaler_of(self._rows)
            self._kinds = kinds_of(self._rows)
            self._learn(self._answers)

    # Checks -----------------------------------------------------------------------------------

    def _read(self, X, *, reset: bool) -> np.ndarray:
        """Return a copy of rows as numbers; raise if they are not those of the features."""
        if reset:
            self._allows_nan = self.__sklearn_tags__().input_tags.allow_nan
        return validate_data(
            self,
            X,
            dtype=np.float64,
            copy=True,
            ensure_all_finite="allow-nan" if self._allows_nan else True,
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )

    def _check_learning(self) -> None:
        """Raise if the parameters that are read when answers are taught are not valid."""
        for name in ("model", "prior_weight"):
            check_parameter(self, name)
        if self.model is not None and ignores_labels(self.model):
            raise ValueError(
                f"model={self.model!r} ignores labels, and would learn nothing from the answers: "
                "pass a classifier, or a detector that learns from labels, e.g. DevNet."
            )

    def _prototype(self):
        if self.detector is not None:
            return self.detector
        return default_detector()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        parts = [self._prototype()] + ([] if self.model is None else [self.model])
        tags.input_tags.allow_nan = all(get_tags(each).input_tags.allow_nan for each in parts)
        return tags
