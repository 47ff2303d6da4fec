"""Deep clustering."""

import warnings
from math import ceil

import numpy as np
import torch
from sklearn.base import ClusterMixin
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from .._codes import ReconstructorMixin
from .._pretraining import PretrainingMixin
from .._validation import Integral, Interval, Real, StrOptions
from ..base import EARLY_STOPPING, BaseDetector, constraints_without
from ..nn import EncoderDecoder
from ..training import as_tensor
from ._deep_clustering_module import MODULES

# As many rows as k-means is begun anew on; where there are more, the best start goes on with all.
MAX_START_ROWS = 10_000
# Codes that have lost all but this share of their variance say little of their rows.
COLLAPSED = 1e-3


class DeepClustering(PretrainingMixin, ReconstructorMixin, BaseDetector, ClusterMixin):
    """Doc."""

    _parameter_constraints: dict = constraints_without(*EARLY_STOPPING) | {
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(MODULES))],
        "cluster_weight": [Interval(Real, 0, 1, closed="both")],
        "ramp_epochs": [Interval(Integral, 0, None, closed="left")],
        "degrees_of_freedom": [Interval(Real, 0, None, closed="neither")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, 1, closed="left")],
        "n_latent": [Interval(Integral, 1, None, closed="left"), None],
        "pretrain_epochs": [Interval(Integral, 0, None, closed="left")],
        "anomaly_score": [StrOptions({"combined", "distance", "reconstruction", "entropy", "distance2"})],
    }

    def __init__(
        self,
        *,
        n_clusters=10,
        loss="kl",
        cluster_weight=0.1,
        ramp_epochs=20,
        degrees_of_freedom=1.0,
        n_init=20,
        tol=1e-3,
        hidden_layer_sizes=(64, 32),
        n_latent=None,
        activation="relu",
        backbone=None,
        pretrain_epochs=100,
        anomaly_score="combined",
        scaler="standard",
        max_epochs=100,
        max_steps=2500,
        lr=1e-3,
        batch_size=128,
        optimizer="adam",
        weight_decay=0.0,
        trim=0.0,
        contamination=0.1,
        callbacks=None,
        net_params=None,
        device="auto",
        warm_start=False,
        random_state=None,
        verbose=0,
    ):
        self.n_clusters = n_clusters
        self.loss = loss
        self.cluster_weight = cluster_weight
        self.ramp_epochs = ramp_epochs
        self.degrees_of_freedom = degrees_of_freedom
        self.n_init = n_init
        self.tol = tol
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_latent = n_latent
        self.activation = activation
        self.backbone = backbone
        self.pretrain_epochs = pretrain_epochs
        self.anomaly_score = anomaly_score
        self.scaler = scaler
        self.max_epochs = max_epochs
        self.max_steps = max_steps
        self.lr = lr
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.trim = trim
        self.contamination = contamination
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose

    def _make_module(self, n_features: int) -> nn.Module:
        n_latent = self.n_latent or min(10, max(2, n_features // 2))
        backbone = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        return MODULES[self.loss](
            backbone.make_encoder(n_features, n_latent),
            backbone.make_decoder(n_latent, n_features),
            n_latent=n_latent,
            n_clusters=self.n_clusters,
            degrees_of_freedom=self.degrees_of_freedom,
            score=self.anomaly_score,
        )

    def _make_autoencoder(self, module, n_features: int) -> nn.Module:
        return EncoderDecoder(module.encoder, module.decoder)

    # Training --------------------------------------------------------------------------------

    def _train(self, run, net, X, y) -> None:
        module = net.module_
        if not net.history:
            self._pretrain(run, net, X)
            codes = net.apply(module.encode, X)
            _move_centers(module, _best_centers(codes, len(module.centers), self.n_init, net.seed))
        before = net.apply(module.encode, X).var(0).sum()
        self._refine(run, net, X)
        codes = net.apply(module.encode, X)
        _warn_if_collapsed(codes.var(0).sum(), before, self.cluster_weight)
        _move_centers(module, _refined_centers(codes, self._centers()))
        self.labels_ = net.apply(module.nearest, X).astype(np.int32)

    def _refine(self, run, net, X) -> None:
        """Train with targets, and a weight α of the clusters, that are set before each epoch."""
        module = net.module_
        ramp = min(self.ramp_epochs, net.planned_epochs(len(X)) // 2)
        targets = torch.empty(len(X), len(module.centers), device=X.device)
        labels = np.full(len(X), -1)

        def prepare_epoch(net) -> float:
            """Return the share of rows that have changed their cluster."""
            nonlocal labels
            q = net.apply(module.assign, X)
            targets.copy_(module.targets(torch.from_numpy(q)))
            n_epochs = len(net.history)
            module.alpha.fill_(self.cluster_weight * (min(1, n_epochs / ramp) if ramp else 1))
            before, labels = labels, q.argmax(1)
            return float((labels != before).mean())

        def finish_epoch(net) -> bool:
            if not module.centers.requires_grad:
                codes = net.apply(module.encode, X)
                _move_centers(module, _refined_centers(codes, self._centers()))
            change = prepare_epoch(net)
            net.history.record("label_change", change)
            return len(net.history) > ramp and change < self.tol

        prepare_epoch(net)
        run(net, X, targets, finish_epoch)

    def _centers(self):
        return self.net_.module_.centers.detach().cpu().numpy()

    def _calibrate(self, net, X) -> None:
        module = net.module_
        cluster, distance, error = as_tensor(
            net.apply(lambda x: torch.stack(module.terms(x), 1), X)
        ).T
        module.calibrate(cluster.long(), distance, error)

    def predict_cluster(self, X):
        return self._apply(self.net_.module_.nearest, X).astype(np.int32)

    def predict_proba_cluster(self, X):
        return self._apply(self.net_.module_.assign, X)

    @property
    def cluster_centers_(self) -> np.ndarray:
        check_is_fitted(self)
        return self._centers()


def _move_centers(module, centers: np.ndarray) -> None:
    with torch.no_grad():
        module.centers.copy_(torch.from_numpy(centers))


def _best_centers(codes: np.ndarray, n_clusters: int, n_init: int, seed: int) -> np.ndarray:
    """Centres of the best of ``n_init`` runs of k-means."""
    codes = np.resize(codes, (n_clusters, codes.shape[1])) if len(codes) < n_clusters else codes
    some = codes[:: ceil(len(codes) / MAX_START_ROWS)]
    start = _k_means(some, n_clusters, n_init=n_init, random_state=seed)
    return _refined_centers(codes, start)


def _refined_centers(codes: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Centres of k-means that goes on from others."""
    if len(codes) < len(start):
        return start
    return _k_means(codes, len(start), init=start.astype(np.float64), n_init=1, tol=0)


def _k_means(codes: np.ndarray, n_clusters: int, **params) -> np.ndarray:
    # With more threads the order of sums, and so the result, would be a matter of chance.
    with threadpool_limits(1):
        return KMeans(n_clusters, **params).fit(codes).cluster_centers_


def _warn_if_collapsed(after: float, before: float, weight: float) -> None:
    if after < COLLAPSED * before:
        warnings.warn(
            f"The codes have collapsed to {after / before:.2g} of their variance; lower "
            f"cluster_weight={weight!r}.",
            ConvergenceWarning,
            stacklevel=6,
        )
