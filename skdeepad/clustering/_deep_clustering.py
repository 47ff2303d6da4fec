"""Deep clustering."""

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from .._validation import check_is_fitted
from ..base import (
    COUNT,
    COUNT_OR_ZERO,
    POSITIVE,
    SHARE,
    SHARE_BELOW_ONE,
    BaseDetector,
    ReconstructorMixin,
    detector,
    param,
)
from ..base._pretraining import PretrainingMixin
from ..nn import EncoderDecoder
from ..training import as_tensor, warn
from ._centers import centers_of, set_centers, spread_of_codes
from ._deep_clustering_module import MODULES, ClusteringModule
from ._k_means import best_centers, moved_centers

# Codes have collapsed if only this share of their variance, or of its part within clusters, is
# left: they carry no more information than the number of a cluster.
COLLAPSED = 1e-3


@detector
class DeepClustering(PretrainingMixin, ReconstructorMixin, BaseDetector):
    r"""Deep clustering, which scores distances from clusters of codes and reconstruction errors.

    An autoencoder, with codes :math:`z = E(x)` and reconstructions :math:`\hat x = D(z)`, is
    trained on

    .. math:: L = \alpha L_\text{cluster} + (1 - \alpha) \frac1{N d} \sum_i \|x_i - \hat x_i\|^2

    after pre-training without the first term, which pulls codes towards K centres :math:`\mu_j`.
    With cluster assignment hardening, ``cluster_loss="kl"``,

    .. math:: L_\text{cluster} = \frac1N \sum_i \sum_j p_{ij} \log \frac{p_{ij}}{q_{ij}}, \qquad
        q_{ij} \propto \Bigl(1 + \frac{\|z_i - \mu_j\|^2}{t}\Bigr)^{-\frac{t + 1}2}, \qquad
        p_{ij} \propto \frac{q_{ij}^2}{\sum_i q_{ij}} ,

    with ``cluster_loss="k-means"`` it is :math:`\frac1N \sum_i \|z_i - \mu_{j(i)}\|^2`, where
    :math:`j(i)` is the cluster of row i before the epoch [1]_. The anomaly score is the sum of two
    terms, each with a median of 1 on the training rows,

    .. math:: a(x) = \frac{\tilde d(x)}{\operatorname{med} \tilde d}
        + \frac{\|x - \hat x\|^2}{\operatorname{med} \|x - \hat x\|^2} , \qquad
        \tilde d(x) = \frac{\|z - \mu_{c(x)}\|^2}{s_{c(x)}} ,

    where :math:`c(x)` is the nearest centre and :math:`s_j` the mean squared distance of its
    training rows, clipped to between a hundredth of the mean over all rows and this mean.

    Read more in the :ref:`User Guide <clustering>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_clusters : int, default=10
        Number K of clusters.
    cluster_loss : {"kl", "k-means"}, default="kl"
        Loss that pulls codes towards centres. With ``"kl"`` its gradient moves the centres too;
        with ``"k-means"`` k-means moves them after each epoch. The latter shrinks all codes.
    cluster_weight : float in [0, 1], default=0.1
        Maximum of :math:`\alpha`. With 1 there is no reconstruction term: codes can collapse, and
        the better half of the score is lost.
    ramp_epochs : int, default=20
        Epochs in which :math:`\alpha` rises from 0, at most half of all epochs.
    degrees_of_freedom : float, default=1.0
        Degrees of freedom t of Student's distribution.
    n_init : int, default=20
        Number of starts of k-means on the codes of pre-training. They are compared on 10,000 random
        rows, or ``n_clusters`` if this is more, of larger training sets.
    tol : float, default=1e-3
        Training ends if, after the ramp, less than this share of the rows changes its cluster in an
        epoch.
    n_latent : int or None, default=None
        Size of the code, which is linear. If None, half of the number of features, at least 2 and
        at most 10.
    anomaly_score : str, default="combined"
        ``"combined"``: the sum above. ``"distance"``: :math:`\|z - \mu_{c(x)}\|^2`.
        ``"reconstruction"``: the second term. ``"entropy"``: the entropy of :math:`q`. A change
        takes effect in ``fit``.
    pretrain_epochs : int, default=100
        Epochs of pre-training as an autoencoder. With 0 there is no pre-training.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths from the input towards the code; the decoder mirrors them. Clusters of images need
        larger widths.
    activation : str, default="tanh"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder instead of ``hidden_layer_sizes``, for example
        :class:`~skdeepad.nn.ConvBackbone` for images.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm. Use ``"minmax"`` for images,
        whose pixels have a common scale.
    max_epochs : int, default=100
        Maximum number of epochs.
    max_steps : int or None, default=2500
        Maximum number of optimizer steps. If None, there is no limit. The limit applies to
        pre-training and to training separately.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the steps:
        those with the largest loss. It applies to pre-training too.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them. They are not called in
        pre-training.
    net_params : dict or None, default=None
        Further parameters of the skorch net.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``. The centres are kept too.
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
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training row. ``fit_predict`` does not return these labels but, as for all
        detectors, +1 for inliers and -1 for outliers.
    cluster_centers_ : ndarray of shape (n_clusters, n_latent)
        Centres: the means of the codes of their training rows.
    cluster_scale_ : ndarray of shape (n_clusters,)
        Squared distance from each centre that counts as 1 in the score.
    reconstruction_scale_ : float
        Mean squared residual, over the scaled features, that counts as 1 in the score.
    pretrain_history_ : dict of ndarray
        Losses of each epoch of pre-training, if there was any.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Loss of each epoch, and ``label_change``, the share of rows that changed their cluster.
    n_iter_ : int
        Number of epochs run, without pre-training.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    AutoEncoder : The reconstruction alone.
    DeepSVDD : One centre for all codes.
    sklearn.cluster.KMeans : The clusters without a net.

    Notes
    -----
    The paper has no anomaly score. Distance from a centre in a learned space is that of [2]_;
    division by the scale of the cluster is from [3]_, a method without a net. The position of a
    code and its reconstruction are used together in [4]_, because a row can be poorly reconstructed
    within a cluster, or well reconstructed far from all clusters. :math:`1 - \max_j q_j` is not a
    suitable score: it is high between two clusters, where rows are normal, and low far from all.

    P is computed for all rows before each epoch and has no gradient. The reconstruction error is a
    mean over features, as in the code of [5]_, so that one ``cluster_weight`` suits all widths; a
    sum would leave the cluster loss without effect. At the end k-means starts from the trained
    centres and runs until each is the mean of its rows.

    References
    ----------
    .. [1] E. Aljalbout et al., "Clustering with deep learning: taxonomy and new methods",
       arXiv:1801.07648.
    .. [2] C. Aytekin et al., "Clustering and unsupervised anomaly detection with l2 normalized
       deep auto-encoder representations", IJCNN 2018, arXiv:1802.00187.
    .. [3] Z. He, X. Xu, S. Deng, "Discovering cluster-based local outliers", Pattern Recognition
       Letters 24, 2003.
    .. [4] B. Zong et al., "Deep autoencoding Gaussian mixture model for unsupervised anomaly
       detection", ICLR 2018.
    .. [5] X. Guo et al., "Improved deep embedded clustering with local structure preservation",
       IJCAI 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import DeepClustering
    >>> rng = np.random.RandomState(0)
    >>> X = np.r_[rng.randn(100, 4) - 4, rng.randn(100, 4) + 4]
    >>> det = DeepClustering(n_clusters=2, pretrain_epochs=20, max_epochs=20, random_state=0)
    >>> det.fit(X).predict([[4, 4, 4, 4], [4, -4, 4, -4]])
    array([ 1, -1])
    >>> clusters = det.predict_cluster([[-4, -4, -4, -4], [4, 4, 4, 4], [5, 5, 5, 5]])
    >>> (clusters == clusters[1]).tolist()
    [False, True, True]
    """

    n_clusters: int = param(COUNT, default=10)
    cluster_loss: str = param(set(MODULES), default="kl")
    cluster_weight: float = param(SHARE, default=0.1, resumes=True)
    ramp_epochs: int = param(COUNT_OR_ZERO, default=20, resumes=True)
    degrees_of_freedom: float = param(POSITIVE, default=1.0)
    n_init: int = param(COUNT, default=20)
    tol: float = param(SHARE_BELOW_ONE, default=1e-3, resumes=True)
    n_latent: int | None = param(COUNT, None, default=None)
    anomaly_score: str = param(
        {"combined", "distance", "reconstruction", "entropy"}, default="combined"
    )
    pretrain_epochs = 100
    max_epochs = 100

    _of_training_rows: dict[str, float] = {"labels_": -1}

    def _make_module(self, n_features: int) -> ClusteringModule:
        n_latent = self.n_latent or min(10, max(2, n_features // 2))
        backbone = self._make_backbone(hidden_layer_sizes=self.hidden_layer_sizes)
        return MODULES[self.cluster_loss](
            backbone.make_encoder(n_features, n_latent),
            backbone.make_decoder(n_latent, n_features),
            n_latent=n_latent,
            n_clusters=self.n_clusters,
            degrees_of_freedom=self.degrees_of_freedom,
            score=self.anomaly_score,
        )

    def _make_autoencoder(self, module: ClusteringModule, n_features: int) -> nn.Module:
        return EncoderDecoder(module.encoder, module.decoder)

    # Training --------------------------------------------------------------------------------

    def _train(self, run, net, X, y) -> None:
        module = net.module_
        n_clusters = len(module.centers)
        if len(X) < n_clusters:
            warn(
                f"n_clusters={n_clusters!r} is more than the number of rows, {len(X)}: some "
                "clusters have no rows.",
                UserWarning,
            )
        if not net.history:
            self._pretrain(run, net, X)
            codes = net.apply(module.encode, X)
            set_centers(module, best_centers(codes, n_clusters, self.n_init, net.seed))
        before = spread_of_codes(net, X)
        self._train_with_targets(run, net, X)
        set_centers(module, moved_centers(net.apply(module.encode, X), centers_of(module)))
        if (spread_of_codes(net, X) < COLLAPSED * before).any():
            warn(
                f"The codes have collapsed; lower cluster_weight={self.cluster_weight!r}.",
                ConvergenceWarning,
            )
        self.labels_ = net.apply(module.nearest, X).astype(np.int32)

    def _train_with_targets(self, run, net, X) -> None:
        """Train with an α and with targets of the rows that are updated before each epoch."""
        module = net.module_
        ramp = min(self.ramp_epochs, net.planned_epochs(len(X)) // 2)
        targets = torch.empty(len(X), len(module.centers), device=X.device)
        labels = np.full(len(X), -1)

        def prepare_epoch() -> float:
            """Set α and targets; return the share of the rows that have changed their cluster."""
            nonlocal labels
            q = net.apply(module.assign, X)
            targets.copy_(module.targets(torch.from_numpy(q)))
            n_epochs = len(net.history)
            module.cluster_weight.fill_(
                self.cluster_weight * (n_epochs / ramp if n_epochs < ramp else 1)
            )
            before, labels = labels, q.argmax(1)
            return float((labels != before).mean())

        def finish_epoch(net) -> bool:
            if not module.centers.requires_grad:
                set_centers(module, moved_centers(net.apply(module.encode, X), centers_of(module)))
            change = prepare_epoch()
            net.history.record("label_change", change)
            return len(net.history) > ramp and change < self.tol

        prepare_epoch()
        run(net, X, update=finish_epoch, target=targets)

    def _calibrate(self, net, X) -> None:
        module = net.module_
        terms = as_tensor(net.apply(lambda x: torch.stack(module.terms(x), 1), X))
        cluster, distance, error = terms.T
        module.calibrate(cluster.long(), distance, error)

    # Clusters. scikit-learn's ClusterMixin requires a fit_predict that returns clusters; that of a
    # detector returns outliers.

    def predict_cluster(self, X):
        """Return the cluster of each row, whose centre is the nearest.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to assign.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Indices of clusters, from 0 to ``n_clusters - 1``, as in ``labels_``.
        """
        check_is_fitted(self)
        return self._apply(self.net_.module_.nearest, X).astype(np.int32)

    def predict_proba_cluster(self, X):
        """Return the soft assignment of each row to the clusters.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to assign.

        Returns
        -------
        q : ndarray of shape (n_samples, n_clusters)
            Student's t of the distance from each centre, normalised; rows sum to 1.
        """
        check_is_fitted(self)
        return self._apply(self.net_.module_.assign, X)

    @property
    def cluster_centers_(self) -> np.ndarray:
        check_is_fitted(self)
        return centers_of(self.net_.module_)

    @property
    def cluster_scale_(self) -> np.ndarray:
        check_is_fitted(self)
        return self.net_.module_.cluster_scale.cpu().numpy()

    @property
    def reconstruction_scale_(self) -> float:
        check_is_fitted(self)
        return self.net_.module_.reconstruction_scale.item()
