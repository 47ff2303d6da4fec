"""Robust autoencoder."""

import numpy as np
import torch
from torch import Tensor, nn

from .._validation import Interval, Real
from ..base import COUNT, detector, param
from ._autoencoder_module import AutoEncoderModule
from ._decomposition import decompose
from ._reconstruction import ReconstructionDetector
from ._snapshots import train_with_snapshots

# Default weight of each penalty.
WEIGHTS = {"cell": 1.0, "row": 3.0, "column": 3.0}
# Dimension along which the cells of a group lie.
GROUPS = {"row": 1, "column": 0}


class RobustAutoEncoderModule(AutoEncoderModule):
    """Autoencoder of L = X − S, and the S that minimises the objective given its output."""

    def __init__(self, *args, penalty: str, sparse_weight: float, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.penalty = penalty
        self.sparse_weight = sparse_weight

    def _size(self, rows: Tensor) -> Tensor:
        """Return |r| of each cell, or the root mean square of each group of cells."""
        if self.penalty == "cell":
            return rows.abs()
        return rows.square().mean(GROUPS[self.penalty], keepdim=True).sqrt()

    def sparse_part(self, residual: Tensor, size: Tensor | None = None) -> Tensor:
        """Return the S that minimises ‖R − S‖² + λ P(S), R with its groups shrunk by λ/2.

        ``size`` is that of the groups, if they have more rows than ``residual``.
        """
        size = self._size(residual) if size is None else size
        size = size.clamp_min(torch.finfo(residual.dtype).tiny)
        return residual * (1 - self.sparse_weight / 2 / size).clamp_min(0)

    def objective(self, residual: Tensor, S: Tensor) -> float:
        """Return (‖R − S‖² + λ P(S)) / N."""
        value = (residual - S).square().sum(dtype=torch.float64)
        return (float(value) + self.weighted_size(S)) / len(S)

    def weighted_size(self, S: Tensor) -> float:
        """Return λ P(S)."""
        if not S.any():  # avoids 0 times an infinite weight
            return 0.0
        return float(self.sparse_weight * self._size(S).expand_as(S).sum(dtype=torch.float64))


@detector
class RobustAutoEncoder(ReconstructionDetector):
    r"""Robust autoencoder, which separates gross errors from the training rows.

    The training rows are decomposed into a part that an autoencoder can reconstruct and a sparse
    part, :math:`X = L + S`. With an encoder :math:`E` and a decoder :math:`D`,

    .. math:: \min_{E, D, S} \| L - D(E(L)) \|_F^2 + \lambda P(S) , \qquad L = X - S ,

    is minimised in turn over the net, for some epochs, and over S, exactly, with the reconstruction
    :math:`\hat X = D(E(L))` held fixed: :math:`\| X - \hat X - S \|_F^2 + \lambda P(S)` is minimal
    if S is the residual :math:`X - \hat X`, shrunk by :math:`\lambda / 2`. The penalty P determines
    the sparse structure, with N rows of d features:

    .. math:: \text{cell: } \sum_{ij} |S_{ij}| , \qquad
        \text{row: } \sqrt{d} \, \sum_i \|S_{i \cdot}\| , \qquad
        \text{column: } \sqrt{N} \, \sum_j \|S_{\cdot j}\| .

    The score of a row is that of its residual, :math:`x - D(E(x))`, without an S of the row.

    Read more in the :ref:`User Guide <robust_autoencoder>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    penalty : {"cell", "row", "column"}, default="cell"
        Parts of the training data with gross errors: single values, whole rows, which are then the
        anomalies among them, or whole features.
    sparse_weight : float or "auto", default="auto"
        Weight :math:`\lambda`; ``"auto"`` is 1 for cells and 3 for rows and columns, which puts few
        normal ones into S. A cell whose residual is at most :math:`\lambda / 2`, or a row or column
        whose residuals have a root mean square of at most that, in scaled units, stays in L. With 0
        all of X is in S; with ``numpy.inf`` the model is a plain autoencoder.
    n_inner_epochs : int, default=10
        Epochs between two updates of S. At most a tenth of all epochs, so that short training has
        several updates too.
    n_latent : int or None, default=None
        Width of a further layer, the code, after ``hidden_layer_sizes``. If None, the last of these
        is the code; with a ``backbone``, it is 32.
    residual_scaling : {"robust", "plain", "mahalanobis"}, default="robust"
        Scale of the residuals in the score, as in :class:`AutoEncoder`.
    norm : {"l2", "l1", "max"}, default="l2"
        Mean square, mean absolute value or largest absolute value over the features.
    n_snapshots : int, default=1
        Maximum number of snapshots of the weights, as in :class:`AutoEncoder`.
    trim_start : float, default=0.2
        Share of the steps before trimming begins.
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``. Not with
        ``residual_scaling="mahalanobis"``.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Widths from the input to the code, which is the last of them; the decoder mirrors them.
        ``"auto"`` is (64, 32, max(2, n_features // 4)), as in :class:`AutoEncoder`.
    activation : str, default="tanh"
        Activation of all hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder instead of ``hidden_layer_sizes``. With
        :class:`~skdeepad.nn.ConvBackbone` the model is the robust convolutional autoencoder [1]_.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=1000
        Maximum number of optimizer steps. If None, there is no limit.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`. Its state is kept
        between updates of S.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights. It is :math:`\mu` of [1]_.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that an update leaves out: those with the largest
        loss after S is subtracted. With 0, the objective is the one above.
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
        Whether ``fit`` continues from the weights of the last ``fit``. S starts at 0.
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
    sparse_ : scipy.sparse.csr_array of shape (n_samples, n_features)
        S of the training rows, in scaled units.
    n_outer_ : int
        Number of updates of S.
    objective_curve_ : ndarray of shape (`n_outer_`,)
        :math:`(\| X - \hat X - S \|_F^2 + \lambda P(S)) / N` after each update of S.
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
    AutoEncoder : Leaves the worst rows out of an update instead of correcting them.

    Notes
    -----
    With ``penalty="row"`` the anomalies among the training rows are those in which ``sparse_`` is
    not zero. No method of this kind can separate anomalies that share a direction and outweigh the
    normal rows: the net then learns them.

    The target of the net is L, as in the equation of [1]_, not X, as in its code. For cells, λ is
    that of [1]_. The step of [2]_ shrinks the norm of a row or column by its own λ, which is the
    step with :math:`2 \lambda / \sqrt d` or :math:`2 \lambda / \sqrt N` here. The factors
    :math:`\sqrt d` and :math:`\sqrt N` of the penalties, usual for groups, make λ independent of
    the size of the data. There is no test of convergence.

    Each update of S needs an epoch. With more than ten thousand rows, ``max_steps`` ends training
    within a few epochs: raise it, or ``batch_size``.

    ``partial_fit`` starts with S = 0 for its rows. A pickle holds ``sparse_``, one entry for each
    cell that is not zero, and no other training data.

    References
    ----------
    .. [1] R. Chalapathy, A. K. Menon, S. Chawla, "Robust, deep and inductive anomaly detection",
       ECML PKDD 2017, arXiv:1704.06743.
    .. [2] C. Zhou, R. C. Paffenroth, "Anomaly detection with robust deep autoencoders", KDD 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import RobustAutoEncoder
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> X[7, 2] = 30
    >>> det = RobustAutoEncoder(max_epochs=100, sparse_weight=4, random_state=0).fit(X)
    >>> [cells.tolist() for cells in det.sparse_.nonzero()]
    [[7], [2]]
    """

    penalty: str = param({"cell", *GROUPS}, default="cell")
    sparse_weight: float | str = param(
        Interval(Real, 0, None, closed="both"), {"auto"}, default="auto"
    )
    n_inner_epochs: int = param(COUNT, default=10, resumes=True)

    _of_training_rows: dict[str, float] = {"sparse_": 0.0}

    def _make_module(self, n_features: int) -> nn.Module:
        weight = WEIGHTS[self.penalty] if self.sparse_weight == "auto" else self.sparse_weight
        return RobustAutoEncoderModule(
            **self._make_parts(n_features), penalty=self.penalty, sparse_weight=weight
        )

    def _train(self, run, net, X, y) -> None:
        begin, objective = len(net.history), []
        n_inner = max(1, min(self.n_inner_epochs, net.planned_epochs(len(X), run.epochs) // 10))
        parts = decompose(X)

        def update(net) -> None:
            if (len(net.history) - begin) % n_inner == 0:
                objective.append(parts.update(net))

        train_with_snapshots(run, net, parts.L, y, update)
        if not objective or (len(net.history) - begin) % n_inner:
            objective.append(parts.update(net))
        self.sparse_ = parts.sparse()
        self.n_outer_, self.objective_curve_ = len(objective), np.array(objective)
