"""Fitted detectors as torch modules."""

from copy import deepcopy
from dataclasses import dataclass, field

import torch
from sklearn.ensemble import IsolationForest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from torch import Tensor, nn

from .._validation import check_is_fitted
from ..base import BaseDetector
from ..calibration import ConformalDetector, TunedThreshold
from ..ensemble import DetectorEnsemble
from ..feedback import FeedbackDetector
from ..neighbors import LeSiNN
from ..nn import LipschitzLinear
from ..training import with_default_settings
from ._combined import ConformalScores, EnsembleScores, NeighborScores
from ._feedback import FeedbackScores, LearnedProbability, LearnedScore
from ._forests import IsolationScores


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
        Fitted detector of this library or :class:`~sklearn.ensemble.IsolationForest`,
        :class:`~skdeepad.DetectorEnsemble` of such, or a
        :class:`~skdeepad.feedback.FeedbackDetector` whose ``model`` is the default, a detector, a
        forest, a logistic regression or a soft vote of these. It may be within a
        :class:`~sklearn.frozen.FrozenEstimator`, a :class:`~skdeepad.calibration.TunedThreshold` or
        a :class:`~skdeepad.calibration.ConformalDetector`, whose scores are p-values.

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
        case LeSiNN():
            parts.detectors.append(estimator)
            return NeighborScores(estimator)
        case IsolationForest():
            parts.detectors.append(estimator)
            return IsolationScores(estimator)
        case FeedbackDetector():
            parts.detectors.append(estimator)
            return _scores_with_answers(estimator, alone)
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
            parts.steps += transformers_in(estimator[:-1])
            return scores_of(estimator.steps[-1][1], parts)
    if isinstance(estimator, Pipeline):
        raise TypeError(
            "A pipeline is exported by to_onnx, alone or as the one estimator of a "
            f"ConformalDetector or a TunedThreshold; got estimator={estimator!r}."
        )
    is_search = hasattr(estimator, "best_estimator_")
    way_out = " Pass the best_estimator_ of a search." if is_search else ""
    raise TypeError(
        f"estimator={estimator!r} must be a fitted detector of skdeepad, other than a "
        f"GroupAnomalyDetector, or an IsolationForest.{way_out}"
    )


def _scores_with_answers(detector: FeedbackDetector, parts: Parts) -> nn.Module:
    """Return the module of the scores of a detector that may have learned from answers."""
    if detector.model_ is None:
        return scores_of(detector.prior_, parts)
    members = [scores_of(member, parts) for member in detector._prior.members]
    model, learned = detector.model_, detector._learned
    if learned.classifies:
        scores = LearnedProbability(model)
    else:
        scores = LearnedScore(scores_of(model, parts), *learned.unit)
    return FeedbackScores(detector, members, scores)


def transformers_in(step) -> list:
    """Return the transformers of a step, without pipelines and frozen estimators around them."""
    match step:
        case None | "passthrough":
            return []
        case FrozenEstimator():
            return transformers_in(step.estimator)
        case Pipeline():
            return [each for _, inner in step.steps for each in transformers_in(inner)]
    return [step]
