"""Fitted detectors as torch modules."""

from copy import deepcopy
from dataclasses import dataclass, field
from math import isfinite

import torch
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from torch import Tensor, nn

from .._validation import check_is_fitted
from ..base import BaseDetector
from ..calibration import ConformalDetector, TunedThreshold
from ..calibration._conformal import ALMOST_ONE
from ..ensemble import DetectorEnsemble
from ..nn import LipschitzLinear
from ..training import with_default_settings


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
        if getattr(self.module, "snapshots", None) is not None:
            self.module.snapshots = nn.ModuleList(self.module.snapshots)

    def forward(self, x: Tensor) -> Tensor:
        return -self.module.anomaly_score(self.scaling(x)).double()


class EnsembleScores(nn.Module):
    """Scores of an ensemble: the mean of its members', made comparable by ``combine``."""

    def __init__(self, ensemble: DetectorEnsemble, members: list[nn.Module]) -> None:
        super().__init__()
        make = COMBINATIONS[ensemble._combined_by]
        self.members = nn.ModuleList(members)
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


class ConformalScores(nn.Module):
    """P-values of rows, as :class:`~skdeepad.calibration.ConformalDetector` scores them."""

    def __init__(self, detector: ConformalDetector, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.n_calibration = detector.n_calibration_
        self.places = nn.ModuleList(
            Place(torch.from_numpy(scores)) for scores in detector.calibration_scores_
        )

    def forward(self, x: Tensor) -> Tensor:
        pairs = zip(self.members, self.places, strict=True)
        counts, parts = zip(*(place(member(x)) for member, place in pairs), strict=True)
        place = torch.stack(counts).sum(0) + torch.stack(parts).mean(0)
        return place / (1 + self.n_calibration)


class Place(nn.Module):
    """Number of calibration scores up to a score, and the part of the way to the next one."""

    def __init__(self, calibration: Tensor) -> None:
        super().__init__()
        self.register_buffer("calibration", calibration)
        first, last = float(calibration[0]), float(calibration[-1])
        self.first, self.last = first, last
        self.unit = last - first if isfinite(last - first) and last > first else 1.0

    def forward(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        scores = torch.where(scores.isnan(), -torch.inf, scores)
        count = (scores[:, None] >= self.calibration).sum(1)
        n = len(self.calibration)
        low = self.calibration[(count - 1).clamp_min(0)]
        high = self.calibration[count.clamp_max(n - 1)]
        before = ((self.first - scores) / self.unit).clamp_min(0)
        beyond = ((scores - self.last) / self.unit).clamp_min(0)
        between = (scores - low) / torch.where(high > low, high - low, 1.0)
        part = torch.where(count == n, 1 - 1 / (1 + beyond), between)
        part = torch.where(count == 0, 1 / (1 + before), part)
        return count, part.nan_to_num(0.0).clamp(0, ALMOST_ONE)


COMBINATIONS = {"log": NegativeLog, "rank": Rank, "zscore": ZScore}


@with_default_settings
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
        within a :class:`~sklearn.frozen.FrozenEstimator`, a
        :class:`~skdeepad.calibration.TunedThreshold` or a
        :class:`~skdeepad.calibration.ConformalDetector`, whose scores are p-values.

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
    return ScoringModule(scores_of(estimator, Parts()), float(estimator.offset_))


@dataclass
class Parts:
    """What an estimator is made of, which :func:`scores_of` finds."""

    detectors: list = field(default_factory=list)
    #: Transformers before the detector, or None if there may be none.
    steps: list | None = None


def scores_of(estimator, parts: Parts) -> nn.Module:
    """Return the module of an estimator's scores; raise if there is none."""
    check_is_fitted(estimator)
    alone = Parts(parts.detectors)  # for one of several, whose steps may differ
    match estimator:
        case BaseDetector():
            parts.detectors.append(estimator)
            return DetectorScores(estimator)
        case DetectorEnsemble():
            parts.detectors.append(estimator)
            members = [scores_of(member, alone) for member in estimator.estimators_]
            return EnsembleScores(estimator, members)
        case ConformalDetector():
            inner = parts if len(estimator.detectors_) == 1 else alone
            members = [scores_of(member, inner) for member in estimator.detectors_]
            return ConformalScores(estimator, members)
        case TunedThreshold():
            return scores_of(estimator.detector_, parts)
        case FrozenEstimator():
            return scores_of(estimator.estimator, parts)
        case Pipeline() if parts.steps is not None:
            steps = (step for _, step in estimator.steps[:-1])
            parts.steps += [step for step in steps if step not in (None, "passthrough")]
            return scores_of(estimator.steps[-1][1], parts)
    if isinstance(estimator, Pipeline):
        raise TypeError(
            "A pipeline is exported by to_onnx, alone or as the one estimator of a "
            f"ConformalDetector or a TunedThreshold; got estimator={estimator!r}."
        )
    raise TypeError(f"estimator={estimator!r} must be a fitted detector of skdeepad.")
