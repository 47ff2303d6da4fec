"""Base class of ADGM and SDGM, and the reader of their labels."""

from abc import abstractmethod

import numpy as np
import torch
from torch import nn

from .._validation import check_is_fitted
from ..base import COUNT, COUNT_OR_ZERO, NON_NEGATIVE, detector, param
from ..base._labels import IgnoredLabels, check_labels, warn_without_anomalies
from ..base._residual_calibration import MAX_ROWS
from ..base._rows import evenly_spaced
from ..nn import MLPBackbone, check_batch_norm
from ..training import LabelledBatches
from ._adgm_module import SCORES, DeepGenerativeModule
from ._auxiliary_module import make_networks
from ._variational import VariationalDetector


class ClassLabels(IgnoredLabels):
    """Reader of the distinct values of ``y`` as classes; 0 is unlabelled."""

    learned = True
    tells_kinds = True

    def read(self, detector, y, n_samples, rows=slice(None), *, fresh):
        y = check_labels(y, n_samples, rows, all_known=not fresh)
        known = np.unique(y[y != 0])
        if fresh:
            warn_without_anomalies(y, "only the normal classes are learned")
            # There is a normal class even if no row is known to be normal.
            detector.classes_ = known if (known > 0).any() else np.append(known, 1.0)
            if (detector.classes_ == detector.classes_.round()).all():
                detector.classes_ = detector.classes_.astype(int)
        new = np.setdiff1d(known, detector.classes_)
        if len(new):
            raise ValueError(
                f"y has the labels {new.tolist()!r}, which the first fit did not have: they must "
                f"be among {detector.classes_.tolist()!r}, or 0."
            )
        if detector.anomaly_score == "posterior" and not (detector.classes_ < 0).any():
            raise ValueError("anomaly_score='posterior' needs labelled anomalies, below 0 in y.")
        labels = np.where(y == 0, 0, 1 + np.searchsorted(detector.classes_, y))
        return torch.from_numpy(labels)


@detector
class DeepGenerativeDetector(VariationalDetector):
    """Base class of the detectors whose module is a DeepGenerativeModule."""

    _labels = ClassLabels()

    n_latent: int = param(COUNT, default=8)
    n_auxiliary: int = param(COUNT_OR_ZERO, default=8)
    batch_norm: bool = param("boolean", default=False)
    classification_weight: float | str = param(NON_NEGATIVE, {"auto"}, default="auto", resumes=True)
    kl_warm_up_epochs: int = param(COUNT_OR_ZERO, default=0)
    anomaly_score: str = param(set(SCORES), default="combined")
    max_steps = 1250
    lr = 2e-3

    @property
    @abstractmethod
    def _skip(self) -> bool:
        """Whether x depends on the auxiliary variable."""

    def _check_rows(self, X) -> None:
        check_batch_norm(self.batch_size, self.batch_norm)
        super()._check_rows(X)

    def _net_parameters(self):
        return super()._net_parameters() | {
            "iterator_train": LabelledBatches,
            "iterator_train__stand_in": 1 + int(np.argmax(self.classes_ > 0)),
        }

    def _make_module(self, n_features: int) -> nn.Module:
        heads = MLPBackbone(self.hidden_layer_sizes, self.activation, self.batch_norm)
        return DeepGenerativeModule(
            **make_networks(self.backbone, heads, n_features, self._reading),
            likelihood=self._make_likelihood(n_features),
            widths=(self.n_latent,),
            n_auxiliary=self.n_auxiliary,
            normal=torch.from_numpy(self.classes_ > 0),
            skip=self._skip,
            score=self.anomaly_score,
            n_draws=self.n_draws,
        )

    def _train(self, run, net, X, y) -> None:
        weight, n_known = self.classification_weight, int((y != 0).sum())
        if weight == "auto":
            weight = len(y) / max(1, n_known)
        net.module_.classification_weight.fill_(weight)
        run(net, X, y.to(X.device), net.module_.warm_up.follow(net, self.kl_warm_up_epochs))

    def _calibrate(self, net, X) -> None:
        module = net.module_
        if module.score == "combined" and not module.normal.all():
            rows = evenly_spaced(X, MAX_ROWS)
            module.calibrate(net.apply(module.joint_and_posterior, rows))

    def predict_proba(self, X):
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to classify.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Mean of the classifier over draws of the auxiliary variable, in the order of
            ``classes_``.
        """
        check_is_fitted(self)
        return np.exp(self._apply(self.net_.module_.log_classes, X))

    def predict_class(self, X):
        """Return the most probable class of rows; ``predict`` returns outliers and inliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to classify.

        Returns
        -------
        classes : ndarray of shape (n_samples,)
            Values of ``classes_``.
        """
        return self.classes_[self.predict_proba(X).argmax(1)]

    def sample(self, n_samples=1, random_state=None, *, y=None):
        """Draw rows from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.
        y : int, float or None, default=None
            Class of the rows, one of ``classes_``. If None, the normal classes, with equal
            probability.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Drawn rows, in the units of the training data.
        """
        check_is_fitted(self)
        if y is not None and y not in self.classes_:
            raise ValueError(f"y={y!r} must be one of {self.classes_.tolist()!r} or None.")
        drawn = self.classes_ > 0 if y is None else self.classes_ == y
        return self._sample(n_samples, random_state, np.flatnonzero(drawn))

    def _draw_noise(self, n_samples, rng, classes):
        one_hot = np.eye(len(self.classes_), dtype=np.float32)[rng.choice(classes, n_samples)]
        return np.hstack([one_hot, super()._draw_noise(n_samples, rng)])
