"""Representation for random nearest-neighbour distances."""

import numpy as np
import torch
from sklearn.utils.random import sample_without_replacement
from torch import Tensor, nn

from ..base import (
    COUNT,
    NON_NEGATIVE,
    POSITIVE,
    SHARE,
    BaseDetector,
    EncoderMixin,
    GradientContributionsMixin,
    detector,
    param,
)
from ..base._labels import SignedLabels
from ..nn import make_activation
from ..training import TupleBatches

# Number of candidate outliers if no score is above the threshold.
N_CANDIDATES = 10


def lesinn(x: Tensor, references: Tensor) -> Tensor:
    """Return the mean distance of rows to their nearest neighbour in each subsample.

    ``references`` has shape (n_subsamples, subsample_size, n_features).
    """
    # The faster mode with matrix products would lose small distances to rounding.
    distances = torch.cdist(
        x, references.flatten(0, 1), compute_mode="donot_use_mm_for_euclid_dist"
    )
    nearest = distances.unflatten(1, references.shape[:2]).amin(2)
    return nearest.mean(1, dtype=torch.float64)


class REPENModule(nn.Module):
    """Representation z(x), and the codes of subsamples of the training rows."""

    def __init__(self, encoder: nn.Module, *, n_latent: int, margin: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_latent = n_latent
        self.margin = margin
        self.register_buffer("subsamples", torch.zeros(1, 1, dtype=torch.int64))
        self.register_buffer("references", torch.zeros(1, 1, n_latent))

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def loss(self, x: Tensor) -> Tensor:
        """Return the loss of triplets, (batch, 3, n_features): query, positive, negative."""
        z = self.encode(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        query, positive, negative = z.unbind(1)
        near = ((query - positive) ** 2).sum(1)
        far = ((query - negative) ** 2).sum(1)
        return torch.relu(self.margin - far + near)

    def anomaly_score(self, x: Tensor) -> Tensor:
        return lesinn(self.encode(x), self.references)


def draw_subsamples(y: np.ndarray, n_subsamples: int, size: int, seed: int) -> np.ndarray:
    """Return the rows of each subsample, (n_subsamples, size), without known anomalies.

    The size is at most half of the rows; otherwise a training row would be in most subsamples.
    """
    rows, rng = np.flatnonzero(y >= 0), np.random.RandomState(seed)
    size = min(size, max(1, len(rows) // 2))
    drawn = [
        sample_without_replacement(len(rows), size, random_state=rng) for _ in range(n_subsamples)
    ]
    return rows[np.array(drawn)]


def candidate_outliers(scores: np.ndarray, y: np.ndarray, threshold: float) -> np.ndarray:
    """Return the mask of the unlabelled rows to treat as outliers, at most half of them.

    These rows have a score more than ``threshold`` standard deviations above the mean of all rows,
    or are the ten highest if there are none. If no anomaly is known and no row is unlabelled, all
    rows count.
    """
    rows = np.flatnonzero(y == 0)
    if len(rows) < 2 and not (y < 0).any():
        rows = np.arange(len(y))
    n_above = int((scores[rows] > scores.mean() + threshold * scores.std()).sum())
    highest = rows[np.argsort(-scores[rows], kind="stable")]
    chosen = np.zeros(len(y), dtype=bool)
    chosen[highest[: min(n_above or N_CANDIDATES, len(rows) // 2)]] = True
    return chosen


def draw_weights(
    scores: np.ndarray, y: np.ndarray, threshold: float, known_share: float
) -> np.ndarray:
    """Return the probabilities of the rows as query, positive and negative, (n_samples, 3)."""
    known, candidates = y < 0, candidate_outliers(scores, y, threshold)
    inliers = ~(known | candidates)
    if not known.any() or not candidates.any():
        known_share = float(known.any())
    negative = (1 - known_share) * _shares(candidates, scores) + known_share * _shares(known)
    query = _shares(inliers, scores[inliers].sum() - scores)
    return np.column_stack([query, _shares(inliers), negative])


def _shares(rows: np.ndarray, weights: np.ndarray | float = 1.0) -> np.ndarray:
    """Return weights as shares of their sum, equal ones if all are 0, and 0 for other rows."""
    weights = np.where(rows, weights, 0.0)
    weights = weights if weights.any() else rows.astype(float)
    return weights / max(weights.sum(), np.finfo(float).tiny)


@detector
class REPEN(EncoderMixin, GradientContributionsMixin, BaseDetector):
    r"""REPEN, a representation in which outliers are far from random subsamples of the rows.

    The score of a row x from its nearest-neighbour distances to m subsamples :math:`S_i` of the
    training rows is [2]_

    .. math:: r(x) = \frac1m \sum_{i=1}^m \min_{s \in S_i} \|x - s\| .

    It is first computed from the scaled rows, and rows with a high score are treated as outliers. A
    representation :math:`z(x) = \mathrm{ReLU}(W x)` is learned from triplets of two inliers q, p
    and an outlier n:

    .. math:: \max(0, c - \|z_q - z_n\|^2 + \|z_q - z_p\|^2) .

    The anomaly score is r of the representation z [1]_.

    ``y`` is read by its sign: below 0 a known anomaly, 0 unlabelled, above 0 a known normal row.
    Known anomalies replace the outliers, and are never inliers; known normal rows are never
    outliers. Without known anomalies this is the unsupervised method.

    Read more in the :ref:`User Guide <repen>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_latent : int, default=20
        Size of the representation z.
    margin : float, default=1000.0
        Target difference c of squared distances in triplets.
    n_subsamples : int, default=50
        Number m of subsamples.
    subsample_size : int, default=8
        Rows of a subsample, at most half of the training rows.
    outlier_threshold : float, default=1.7321
        Number :math:`\alpha` of standard deviations above the mean of the first scores beyond which
        a row is treated as an outlier. For any distribution, at most 1/4 of the rows are
        (:math:`1 / (1 + \alpha^2)`, Cantelli's inequality).
    known_share : float in [0, 1], default=1.0
        Share of the triplets whose outlier is a known anomaly, if there are any. With the paper's
        0.5, the detector also learns from rows that are only assumed to be outliers, for anomalies
        of other kinds than the known ones.
    steps_per_epoch : int, default=50
        Number of batches in an epoch, independent of the number of rows, because batches are drawn
        at random.
    hidden_layer_sizes : int or sequence of int, default=()
        Widths of hidden layers before the representation; the paper has none.
    activation : str, default="relu"
        Activation of all layers, z included, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the layers up to z, instead of ``hidden_layer_sizes``.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=30
        Maximum number of epochs.
    max_steps : int or None, default=None
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=256
        Number of rows in a batch. If None, a batch holds all training rows. Here they are triplets
        of rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.0
        Share of the triplets of a batch, rounded, that an update leaves out after a fifth of the
        steps: those with the largest loss.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and all random draws.
    verbose : int, default=0
        If above 0, progress bars are shown.

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module.
    scaler_ : transformer or None
        The fitted scaler.
    baseline_ : ndarray of shape (`n_features_in_`,)
        Median of each feature over the training rows, or over 4,096 of them. It is where the paths
        of ``feature_contributions`` begin.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    DevNet : A learned score instead of a representation.
    DeepSVDD : A centre instead of subsamples.

    Notes
    -----
    A query is drawn with a probability that falls with its first score, in proportion to the sum of
    the inliers' scores minus its own; a positive is drawn uniformly, and an outlier in proportion
    to its first score. If no score is above the threshold, the ten highest are treated as outliers.
    Outliers are at most half of the unlabelled rows.

    The same subsamples are used before and after training, and none contains known anomalies. A
    training row in a subsample is its own nearest neighbour there, which with n rows reduces its
    score by a share ``subsample_size`` / n on average.

    The paper's optimizer is Adadelta, :class:`torch.optim.Adadelta` with ``lr=1.0``. ADBench's
    table uses ``known_share=1.0``; its test anomalies are of the known kinds.

    There is no early stopping, because held-out rows would contain few known anomalies or none.

    References
    ----------
    .. [1] G. Pang, L. Cao, L. Chen, H. Liu, "Learning representations of ultrahigh-dimensional
       data for random distance-based outlier detection", KDD 2018, arXiv:1806.04808.
    .. [2] G. Pang, K. M. Ting, D. Albrecht, "LeSiNN: detecting anomalies by identifying least
       similar nearest neighbours", ICDM Workshops 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import REPEN
    >>> X = np.random.RandomState(0).randn(300, 4)
    >>> X[:15, :2] += 4
    >>> y = np.repeat([-1, 0], [5, 295])
    >>> det = REPEN(max_epochs=5, random_state=0).fit(X, y)
    >>> det.predict([[0, 0, 0, 0], [4, 4, 0, 0]])
    array([ 1, -1])
    """

    n_latent: int = param(COUNT, default=20)
    margin: float = param(POSITIVE, default=1000.0)
    n_subsamples: int = param(COUNT, default=50)
    subsample_size: int = param(COUNT, default=8)
    outlier_threshold: float = param(NON_NEGATIVE, default=1.7321)
    known_share: float = param(SHARE, default=1.0)
    steps_per_epoch: int = param(COUNT, default=50, to="net")
    hidden_layer_sizes = ()
    activation = "relu"
    max_epochs = 30
    max_steps = None
    batch_size = 256
    trim = 0.0

    _labels = SignedLabels(
        "the detector learns from the rows farthest from subsamples of all rows, as the "
        "unsupervised method does"
    )

    def _make_module(self, n_features: int) -> nn.Module:
        backbone = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        encoder = nn.Sequential(
            backbone.make_encoder(n_features, self.n_latent), make_activation(backbone.activation)
        )
        return REPENModule(encoder, n_latent=self.n_latent, margin=self.margin)

    def _net_parameters(self) -> dict:
        return super()._net_parameters() | {"iterator_train": TupleBatches}

    def _train(self, run, net, X, y) -> None:
        module = net.module_
        y = np.zeros(len(X)) if y is None else y.numpy()
        rows = draw_subsamples(y, self.n_subsamples, self.subsample_size, net.seed)
        module.subsamples = torch.as_tensor(rows, device=module.references.device)
        references = X[torch.as_tensor(rows, device=X.device)].to(module.references.device)
        scores = net.apply(lambda x: lesinn(x, references), X)
        weights = draw_weights(scores, y, self.outlier_threshold, self.known_share)
        run(net, X, weight=torch.as_tensor(weights, device=X.device))

    def _calibrate(self, net, X) -> None:
        module = net.module_
        rows = module.subsamples.cpu().numpy()
        codes = net.apply(module.encode, X[rows.ravel()]).reshape(*rows.shape, -1)
        module.references = torch.as_tensor(
            codes, dtype=torch.float32, device=module.references.device
        )
