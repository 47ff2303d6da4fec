"""Scores of a detector that has learned from answers, as a torch module."""

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from torch import Tensor, nn

from ..base._scaling import Scaling, linear_scaling
from ..feedback import FeedbackDetector
from ..feedback._prior import LEAST, MOST
from ._forests import AnomalyShare, float64


class FeedbackScores(nn.Module):
    """Scores of :class:`~skdeepad.feedback.FeedbackDetector`, if an anomaly is known.

    Parameters
    ----------
    detector : FeedbackDetector
    members : list of nn.Module
        Scores of the prior's members.
    learned : nn.Module
        Probability of an anomaly, or the anomaly score in its unit, from scaled rows and columns
        of prior scores.
    """

    def __init__(
        self, detector: FeedbackDetector, members: list[nn.Module], learned: nn.Module
    ) -> None:
        super().__init__()
        prior = detector._prior
        slope, intercept = linear_scaling(detector._scaler, detector.n_features_in_)
        self.scaling = Scaling(slope, intercept, compresses=True)
        self.members = nn.ModuleList(members)
        self.units = nn.ModuleList(InUnit(*unit) for unit in prior.units)
        self.register_buffer("shares", torch.from_numpy(prior.weights / prior.weights.sum()))
        self.register_buffer("weight", float64(detector._weight))
        self.learned = learned

    def forward(self, x: Tensor) -> Tensor:
        members = zip(self.units, self.members, strict=True)
        columns = torch.stack([unit(member(x)) for unit, member in members], 1)
        learned = self.learned(self.scaling(x), columns)
        return -(learned + self.weight * (columns * self.shares).sum(1))


class InUnit(nn.Module):
    """Distance of an anomaly score from the median of the training rows', in units, and clipped."""

    def __init__(self, median: float, unit: float) -> None:
        super().__init__()
        self.register_buffer("median", float64(median))
        self.register_buffer("unit", float64(unit))

    def forward(self, scores: Tensor) -> Tensor:
        return ((self.median - scores) / self.unit).clamp(LEAST, MOST)


class LearnedScore(nn.Module):
    """Anomaly score of a detector that learned from the answers, as large as a probability."""

    def __init__(self, scores: nn.Module, median: float, unit: float) -> None:
        super().__init__()
        self.scores = scores
        self.register_buffer("median", float64(median))
        self.register_buffer("unit", float64(unit))

    def forward(self, rows: Tensor, columns: Tensor) -> Tensor:
        return (self.median - self.scores(rows)) / self.unit / MOST


class LearnedProbability(nn.Module):
    """Probability of an anomaly from rows and prior scores."""

    def __init__(self, model) -> None:
        super().__init__()
        self.probability = probability_of(model)

    def forward(self, rows: Tensor, columns: Tensor) -> Tensor:
        return self.probability(torch.cat([rows, columns.float()], 1))


class Logistic(nn.Module):
    """Probability of class 1 by a logistic regression."""

    def __init__(self, model: LogisticRegression) -> None:
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(model.coef_[0]).double())
        self.register_buffer("intercept", float64(model.intercept_[0]))

    def forward(self, features: Tensor) -> Tensor:
        return torch.sigmoid(features.double() @ self.weight + self.intercept)


class Filled(nn.Module):
    """A model of features whose missing values have one value."""

    def __init__(self, model: nn.Module, value: float) -> None:
        super().__init__()
        self.model, self.value = model, value

    def forward(self, features: Tensor) -> Tensor:
        return self.model(torch.where(features.isnan(), self.value, features))


class Mean(nn.Module):
    """Weighted mean of probabilities."""

    def __init__(self, models: list[nn.Module], weights: list[float]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self.register_buffer("shares", float64(weights) / sum(weights))

    def forward(self, features: Tensor) -> Tensor:
        parts = torch.stack([model(features) for model in self.models], 1)
        return (parts * self.shares).sum(1)


def probability_of(model) -> nn.Module:
    """Return the module of a classifier's probability of class 1; raise if there is none."""
    match model:
        case ExtraTreesClassifier() | RandomForestClassifier():
            return AnomalyShare(model)
        case LogisticRegression() if getattr(model, "multi_class", "auto") != "multinomial":
            return Logistic(model)
        case VotingClassifier(voting="soft"):
            weights = [1.0] * len(model.estimators) if model.weights is None else model.weights
            pairs = zip(model.estimators, weights, strict=True)
            kept = [float(weight) for (_, each), weight in pairs if each != "drop"]
            return Mean([probability_of(each) for each in model.estimators_], kept)
        case Pipeline(steps=[(_, SimpleImputer(strategy="constant") as imputer), (_, last)]):
            is_plain = imputer.keep_empty_features and not imputer.add_indicator
            if is_plain and np.isnan(imputer.missing_values):
                return Filled(probability_of(last), float(imputer.fill_value or 0.0))
    raise TypeError(
        f"model={model!r} must be a detector of skdeepad, a forest, a LogisticRegression or a soft "
        "VotingClassifier of these for an export."
    )
