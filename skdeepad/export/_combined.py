"""Scores of estimators that are made of detectors, as torch modules.

They compute in torch what these estimators compute in numpy.
"""

from math import isfinite

import torch
from torch import Tensor, nn

from ..base._training_scores import distinct_ranks, mean_and_std, median_and_unit
from ..calibration import ConformalDetector
from ..calibration._conformal import ALMOST_ONE
from ..ensemble import DetectorEnsemble
from ..ensemble._combinations import MOST_ABNORMAL, MOST_NORMAL
from ..neighbors import LeSiNN


class NeighborScores(nn.Module):
    """Scores of :class:`~skdeepad.LeSiNN`: mean distances to the nearest rows of each sample."""

    def __init__(self, detector: LeSiNN) -> None:
        super().__init__()
        self.scaling, self.clip = detector._scaling(), detector._clip
        self.power = 1 if detector._metric == "manhattan" else 2
        self.n_nearest = [detector._n_nearest(sample) for sample in detector.samples_]
        self.samples = nn.ParameterList(
            nn.Parameter(torch.from_numpy(sample).float(), requires_grad=False)
            for sample in detector.samples_
        )

    def forward(self, x: Tensor) -> Tensor:
        rows = self.scaling(x)
        if self.clip is not None:
            rows = rows.clamp(-self.clip, self.clip)
        means = []
        for sample, k in zip(self.samples, self.n_nearest, strict=True):
            distances = ((rows[:, None] - sample).abs() ** self.power).sum(2) ** (1 / self.power)
            means.append(distances.topk(k, dim=1, largest=False).values.mean(1))
        return -torch.stack(means).mean(0).double()


class EnsembleScores(nn.Module):
    """Scores of an ensemble: the weighted mean of its members', comparable by ``combine``."""

    def __init__(self, ensemble: DetectorEnsemble, members: list[nn.Module]) -> None:
        super().__init__()
        make = COMBINATIONS[ensemble._combined_by]
        self.weights = ensemble._weights.tolist()
        self.members = nn.ModuleList(members)
        self.comparable = nn.ModuleList(
            make(torch.from_numpy(training)) for training in ensemble.member_scores_
        )

    def forward(self, x: Tensor) -> Tensor:
        parts = zip(self.weights, self.members, self.comparable, strict=True)
        scores = [weight * comparable(member(x)) for weight, member, comparable in parts if weight]
        return torch.stack(scores).sum(0) / sum(self.weights)


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
        self.mean, self.std = mean_and_std(training.numpy())

    def forward(self, scores: Tensor) -> Tensor:
        return (scores - self.mean) / self.std


class Quantile(nn.Module):
    """Distance from the median of the training scores, in robust units, and clipped."""

    def __init__(self, training: Tensor) -> None:
        super().__init__()
        self.median, self.unit = median_and_unit(training.numpy())

    def forward(self, scores: Tensor) -> Tensor:
        return ((scores - self.median) / self.unit).clamp(-MOST_ABNORMAL, MOST_NORMAL)


class Rank(nn.Module):
    """Share of lower training scores, continued linearly beyond their range."""

    def __init__(self, training: Tensor) -> None:
        super().__init__()
        values, ranks = (torch.from_numpy(part) for part in distinct_ranks(training.numpy()))
        self.register_buffer("values", values)
        self.register_buffer("ranks", ranks)

    def forward(self, scores: Tensor) -> Tensor:
        low, high, last = self.values[0], self.values[-1], len(self.values) - 1
        inside = scores.clamp(low, high)
        below = (torch.searchsorted(self.values, inside, right=True) - 1).clamp(0, last)
        above = (below + 1).clamp_max(last)
        left, right = self.values[below], self.values[above]
        part = (inside - left) / torch.where(right > left, right - left, 1.0)
        share = torch.lerp(self.ranks[below], self.ranks[above], part)
        return share + (scores - inside) / torch.where(high > low, high - low, 1.0)


class ConformalScores(nn.Module):
    """P-values of rows, as :class:`~skdeepad.calibration.ConformalDetector` scores them."""

    def __init__(self, detector: ConformalDetector, members: list[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.n_calibration = detector.n_calibration_
        self.places = nn.ModuleList(Place(torch.from_numpy(scores)) for scores in detector._below)

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


COMBINATIONS = {"log": NegativeLog, "quantile": Quantile, "rank": Rank, "zscore": ZScore}
