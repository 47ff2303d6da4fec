"""Contributions of features by integrated gradients."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .._documentation import missing_dependency
from .._validation import check_is_fitted
from ..training import warn
from ._columns import MIXED, add_up, origins
from ._rows import evenly_spaced
from ._scaling import linear_scaling

# The baseline is the median of at most this many training rows.
MEDIAN_ROWS = 4096
# A path is divided into this many steps, and into twice as many until the sum is right.
FEWEST_STEPS, MOST_STEPS = 16, 4096
# Errors of the sum of contributions that are accepted: a share of the sum of their absolute values,
# and a share of the scores themselves, for rows so close to the baseline that little is to explain.
TOLERANCE, SMALL = 0.005, 1e-4
# Gradients are computed at about this many points at once, at a multiple of UNIT rows.
POINTS, UNIT = 1024, 32


class GradientContributionsMixin:
    """Mixin with ``feature_contributions`` by integrated gradients, for any score of one pass."""

    def _note_rows(self, X: np.ndarray, rows) -> None:
        some = X[evenly_spaced(rows, MEDIAN_ROWS)] if not isinstance(rows, slice) else X[rows]
        some = evenly_spaced(some, MEDIAN_ROWS)
        self.baseline_ = np.median(some.astype(np.float64), axis=0)

    def feature_contributions(self, X):
        """Return the contribution of each feature to the anomaly score of rows.

        Contributions are integrated gradients along the straight path, in scaled features, from
        ``baseline_`` to the row [1]_. Their sum is the difference of scores,
        ``score_samples([baseline_]) - score_samples(X)``. Each path is divided into as many steps
        as make the sum right to 0.5 % of the sum of absolute values, or to 0.01 % of the scores.
        The rest is spread over the contributions in proportion to their size.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to explain.

        Returns
        -------
        contributions : ndarray of shape (n_samples, n_features)
            Contributions. A positive one makes the row more abnormal, and a negative one less.

        Raises
        ------
        ImportError
            If captum is not installed: ``pip install 'skdeepad[explain]'``.
        ValueError
            If the scaler mixes features, or the score has no gradient; or if an earlier version of
            the library, without ``baseline_``, saved the detector.

        References
        ----------
        .. [1] M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks",
           ICML 2017, arXiv:1703.01365.
        """
        check_is_fitted(self)
        if not hasattr(self, "baseline_"):
            raise ValueError(
                f"This {type(self).__name__} was saved by an earlier version of skdeepad and has "
                "no baseline_, which contributions start from: fit it again."
            )
        try:
            from captum.attr import IntegratedGradients
        except ImportError as error:
            purpose = f"feature_contributions of {type(self).__name__}"
            raise missing_dependency(purpose, "captum", extra="explain") from error
        scaled = torch.from_numpy(self._scale(self.baseline_[None].copy()))
        explain = partial(
            integrate, IntegratedGradients, self.net_.module_.anomaly_score, baseline=scaled
        )
        try:
            found = self._apply(explain, X)
        except RuntimeError as error:
            if "grad" not in str(error):
                raise
            raise ValueError(
                f"{type(self).__name__} has no feature_contributions here, because its score has "
                f"no gradient: {error}"
            ) from error
        contributions, is_rough = found[:, :-1], found[:, -1] > 0
        if is_rough.any():
            warn(
                f"The contributions of {is_rough.sum()} row(s) are uncertain: integrals of "
                f"{MOST_STEPS} steps still miss the difference of scores by more than "
                f"{TOLERANCE:.1%} of the sum of their absolute values."
            )
        return of_features(self, contributions)


def of_features(detector: Any, contributions: np.ndarray) -> np.ndarray:
    """Return contributions of scaled columns as those of features; raise if a scaler mixes them."""
    n_features = detector.n_features_in_
    if linear_scaling(detector.scaler_, n_features) is not None:
        return contributions
    columns = origins(detector.scaler_, n_features)
    if columns is None or len(columns) != contributions.shape[1] or (columns == MIXED).any():
        raise ValueError(
            f"The contributions of features are unknown, because scaler_={detector.scaler_!r} "
            "mixes features, or does not tell that it keeps them apart. Put it before the detector "
            "in a pipeline, and use skdeepad.inspection.feature_contributions."
        )
    return add_up(contributions, columns, n_features)


def integrate(
    method: type, score: Callable[[Tensor], Tensor], x: Tensor, *, baseline: Tensor
) -> Tensor:
    """Return integrated gradients of a score, and whether they are uncertain.

    Parameters
    ----------
    method : type
        captum's ``IntegratedGradients``.
    score : callable
        Function from (batch, n_features) to (batch,) that treats each row independently.
    x : Tensor of shape (batch, n_features)
    baseline : Tensor of shape (1, n_features)

    Returns
    -------
    Tensor of shape (batch, n_features + 1), float64
        Contributions, and last 1 for a row whose sum is not right, else 0.
    """
    with torch.inference_mode(False), torch.enable_grad():
        x, baseline = x.double(), baseline.to(x.device).double()
        gradients = method(lambda points: score(points.float()).sum(0, keepdim=True))
        with torch.no_grad():
            ends = score(x.float()), score(baseline.expand(UNIT, -1).float())[:1]
        difference, size = ends[0] - ends[1], ends[0].abs().maximum(ends[1].abs())
        out, n_steps = torch.zeros_like(x), FEWEST_STEPS
        rough = torch.arange(len(x), device=x.device)
        while len(rough) and n_steps <= MOST_STEPS:
            for rows in rough.split(max(UNIT, POINTS // n_steps // UNIT * UNIT)):
                out[rows] = _attribute(gradients, x[rows], baseline, n_steps)
            of_rows = out[rough]
            error = (of_rows.sum(1) - difference[rough]).abs()
            accepted = TOLERANCE * of_rows.abs().sum(1) + SMALL * size[rough]
            rough, n_steps = rough[error > accepted], 2 * n_steps
        total = out.abs().sum(1, keepdim=True)
        rest = (difference - out.sum(1))[:, None]
        out = torch.where(total > 0, out + rest * out.abs() / total, out)
        is_rough = torch.zeros(len(x), 1, dtype=x.dtype, device=x.device)
        is_rough[rough] = 1.0
        return torch.cat([out, is_rough], 1)


def _attribute(gradients, x: Tensor, baseline: Tensor, n_steps: int) -> Tensor:
    """Return captum's attributions; those of a row do not depend on the number of rows."""
    padded = nn.functional.pad(x, (0, 0, 0, -len(x) % UNIT))
    return gradients.attribute(
        padded,
        baseline.expand_as(padded),
        n_steps=n_steps,
        method="riemann_middle",
        internal_batch_size=max(POINTS, len(padded)),
    )[: len(x)]
