"""Fitted detectors as torch modules."""

from copy import deepcopy

import torch
from sklearn.utils import get_tags
from torch import Tensor, nn

from .._validation import check_is_fitted
from ..base import BaseDetector
from ..ensemble import DetectorEnsemble
from ..nn import LipschitzLinear


class ScoringModule(nn.Module):
    """Torch module from raw rows to scores, see :func:`to_module`.

    Read more in the :ref:`User Guide <export>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    scores : nn.Module
        Module from rows (batch, n_features) to scores (batch,).
    offset : float
        Threshold on the scores.

    Attributes
    ----------
    offset : Tensor of shape ()
        Threshold on the scores, a buffer.

    See Also
    --------
    to_module : The module of a fitted detector.
    """

    def __init__(self, scores: nn.Module, offset: float) -> None:
        super().__init__()
        self.scores = scores
        self.register_buffer("offset", torch.tensor(offset, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Return the score of each row; higher scores are more normal.

        Parameters
        ----------
        x : Tensor of shape (batch, n_features)
            Rows, in the units of the training data.

        Returns
        -------
        scores : Tensor of shape (batch,)
            ``score_samples`` of the detector, in float64.
        """
        return self.scores(x)


class DetectorScores(nn.Module):
    """Scores of one detector: scaling, compression and net."""

    def __init__(self, detector: BaseDetector) -> None:
        super().__init__()
        self.scaling = detector._scaling()
        self.module = deepcopy(detector.net_.module_).cpu().eval().requires_grad_(False)
        for part in self.module.modules():
            if isinstance(part, LipschitzLinear):
                part.fix_weight()

    def forward(self, x: Tensor) -> Tensor:
        return -self.module.anomaly_score(self.scaling(x)).double()


class EnsembleScores(nn.Module):
    """Scores of an ensemble: the mean of its members', made comparable by ``combine``."""

    def __init__(self, ensemble: DetectorEnsemble) -> None:
        super().__init__()
        make = COMBINATIONS[ensemble._combined_by]
        self.members = nn.ModuleList(_scores(member) for member in ensemble.estimators_)
        self.comparable = nn.ModuleList(
            make(torch.from_numpy(training)) for training in ensemble.member_scores_
        )

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.members, self.comparable, strict=True)
        return torch.stack([comparable(member(x)) for member, comparable in pairs]).mean(0)


class NegativeLog(nn.Module):
    """−log of the anomaly score."""

    def __init__(self, training: Tensor) -> None:
        super().__init__()
        self.floor = max(-1e-12 * float(training[0]), torch.finfo(torch.float64).tiny)

    def forward(self, scores: Tensor) -> Tensor:
        return -torch.log((-scores).clamp_min(self.floor))


class ZScore(nn.Module):
    """Number of standard deviations above the mean of the training scores."""

    def __init__(self, training: Tensor) -> None:
        super().__init__()
        self.mean, self.std = float(training.mean()), float(training.std(correction=0)) or 1.0

    def forward(self, scores: Tensor) -> Tensor:
        return (scores - self.mean) / self.std


class Rank(nn.Module):
    """Share of lower training scores, continued linearly beyond their range."""

    def __init__(self, training: Tensor) -> None:
        super().__init__()
        self.register_buffer("ordered", training)

    def forward(self, scores: Tensor) -> Tensor:
        low, high, last = self.ordered[0], self.ordered[-1], len(self.ordered) - 1
        inside = scores.clamp(low, high)
        below = (torch.searchsorted(self.ordered, inside, right=True) - 1).clamp(0, last - 1)
        left, right = self.ordered[below], self.ordered[below + 1]
        width = torch.where(right > left, right - left, 1.0)
        share = (below + ((inside - left) / width).clamp_max(1.0)) / last
        return share + (scores - inside) / torch.where(high > low, high - low, 1.0)


COMBINATIONS = {"log": NegativeLog, "rank": Rank, "zscore": ZScore}


def to_module(estimator):
    """Return a fitted detector as one torch module, from raw rows to scores.

    The module holds all that ``score_samples`` computes: the scaler, the compression of values far
    out, and the net; and the threshold. It is a copy, on the CPU, in evaluation mode.
    ``torch.export.export`` takes it.

    Read more in the :ref:`User Guide <export>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : detector
        Fitted detector of this library, :class:`~skdeepad.DetectorEnsemble` of such, or one of them
        within a :class:`~sklearn.frozen.FrozenEstimator` or a
        :class:`~skdeepad.calibration.TunedThreshold`.

    Returns
    -------
    module : ScoringModule
        Module with ``module(x)``, the scores of rows, and the buffer ``offset``, the threshold.

    Raises
    ------
    TypeError
        If ``estimator`` is no such detector.
    ValueError
        If its scaler is a transformer other than a StandardScaler, RobustScaler or MinMaxScaler
        without ``clip``.

    See Also
    --------
    to_onnx : A detector, or a pipeline that ends in one, as an ONNX model.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.export import to_module
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> module = to_module(det)
    >>> scores = module(torch.from_numpy(X))
    >>> np.allclose(scores, det.score_samples(X), rtol=1e-5)
    True
    >>> bool((scores < module.offset).sum() == (det.predict(X) == -1).sum())
    True
    """
    return ScoringModule(_scores(estimator), float(estimator.offset_))


def innermost_detector(estimator):
    """Return the detector that an estimator's scores are those of."""
    check_is_fitted(estimator)
    while not isinstance(estimator, BaseDetector | DetectorEnsemble):
        inner = getattr(estimator, "detector_", getattr(estimator, "estimator", None))
        if inner is None or get_tags(estimator).estimator_type != "outlier_detector":
            raise TypeError(f"estimator={estimator!r} must be a fitted detector of skdeepad.")
        estimator = inner
    return estimator


def _scores(estimator) -> nn.Module:
    detector = innermost_detector(estimator)
    if isinstance(detector, DetectorEnsemble):
        return EnsembleScores(detector)
    return DetectorScores(detector)
