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

# Codes that have lost all but this share of their variance, or of its part within clusters, say no
# more of their rows than a cluster's number.
COLLAPSED = 1e-3


@detector
class DeepClustering(PretrainingMixin, ReconstructorMixin, BaseDetector):
    r"""Deep clustering: rows far from every cluster of codes, or badly restored, are anomalous.

    An autoencoder, with codes :math:`z = E(x)` and reconstructions :math:`\hat x = D(z)`, is
    trained on

    .. math:: L = \alpha L_\text{cluster} + (1 - \alpha) \frac1{N d} \sum_i \|x_i - \hat x_i\|^2

    after pre-training without the first term, which draws codes to K centres :math:`\mu_j`. By
    cluster assignment hardening, ``loss="kl"``,

    .. math:: L_\text{cluster} = \frac1N \sum_i \sum_j p_{ij} \log \frac{p_{ij}}{q_{ij}}, \qquad
        q_{ij} \propto \Bigl(1 + \frac{\|z_i - \mu_j\|^2}{t}\Bigr)^{-\frac{t + 1}2}, \qquad
        p_{ij} \propto \frac{q_{ij}^2}{\sum_i q_{ij}} ,

    or by ``loss="k-means"``, :math:`\frac1N \sum_i \|z_i - \mu_{j(i)}\|^2`, :math:`j(i)` being the
    cluster of row i before the epoch [1]_. The anomaly score is the sum of two terms, each 1 for
    the median of the training rows,

    .. math:: a(x) = \frac{\tilde d(x)}{\operatorname{med} \tilde d}
        + \frac{\|x - \hat x\|^2}{\operatorname{med} \|x - \hat x\|^2} , \qquad
        \tilde d(x) = \frac{\|z - \mu_{c(x)}\|^2}{s_{c(x)}} ,

    where :math:`c(x)` is the nearest centre and :math:`s_j` the mean squared distance of its
    training rows, between a hundredth of that of all rows and this itself.

    Parameters
    ----------
    n_clusters : int, default=10
        Number K of clusters.
    loss : {"kl", "k-means"}, default="kl"
        What draws codes to centres. Under ``"kl"`` its gradient moves the centres too; under
        ``"k-means"`` k-means does, after each epoch. The latter shrinks all codes.
    cluster_weight : float in [0, 1], default=0.1
        The largest :math:`\alpha`. Without the reconstruction, 1, codes can collapse, and the
        score loses its better half.
    ramp_epochs : int, default=20
        Epochs in which :math:`\alpha` rises from 0, at most half of all.
    degrees_of_freedom : float, default=1.0
        Degrees of freedom t of Student's distribution.
    n_init : int, default=20
        Starts of k-means on the codes of pre-training. They are compared on 10,000 to 20,000
        evenly spaced rows where there are more.
    tol : float, default=1e-3
        Training ends when, after the ramp, less than this share of the rows changes its cluster
        in an epoch.
    n_latent : int or None, default=None
        Size of the code, which is linear. None: half of the number of features, at least 2 and at
        most 10.
    anomaly_score : str, default="combined"
        ``"combined"``: the sum above. ``"distance"``: :math:`\|z - \mu_{c(x)}\|^2`.
        ``"reconstruction"``: the second term. ``"entropy"``: that of :math:`q`. It is read in
        ``fit``.
    pretrain_epochs : int, default=100
        Epochs of training as an autoencoder first; 0: none.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths from the input towards the code; the decoder mirrors them. Clusters of images want
        wider ones.
    activation : str, default="tanh"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the encoder and the decoder in place of ``hidden_layer_sizes``, for example
        :class:`~skdeepad.nn.ConvBackbone` for images.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm. For images ``"minmax"``: pixels
        are on one scale.
    max_epochs : int, default=100
        Maximum number of epochs.
    max_steps : int or None, default=2500
        Maximum number of optimizer steps. If None, there is no limit. It holds for pre-training and
        for training each.
    lr : float, default=1e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the rows of a batch, rounded, that an update leaves out after a fifth of the
        steps, in pre-training too: those of the largest loss.
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
        Whether ``fit`` continues from the weights of the last ``fit``. It keeps the centres, too.
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
        Cluster of each training row. ``fit_predict`` gives not these but +1 for inliers and -1
        for outliers, as of all detectors.
    cluster_centers_ : ndarray of shape (n_clusters, n_latent)
        Centres: the means of the codes of their training rows.
    cluster_scale_ : ndarray of shape (n_clusters,)
        Squared distance from each centre that counts as 1 in the score.
    reconstruction_scale_ : float
        Mean squared residual, over the scaled features, that counts as 1 in the score.
    pretrain_history_ : dict of ndarray
        Losses of each epoch of pre-training, if there was any.
    training_scores_ : ndarray of shape (n_samples,)
        Scores of the training rows, in ascending order.
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
    DeepSVDD : One centre, which codes are drawn to.
    sklearn.cluster.KMeans : The clusters without a net.

    Notes
    -----
    The paper has no anomaly score. Distance from a centre in a learned space is that of [2]_;
    division by the cluster's own size is from [3]_, before deep nets; a code's position and its
    reconstruction are used together in [4]_, since a row can be badly restored within a cluster
    and well restored far from all. :math:`1 - \max_j q_j` is no good: it is high between two
    clusters, where rows are normal, and not far from all of them.

    All of P, of which gradients see nothing, is computed before each epoch. The reconstruction is
    a mean over features, as in the code of [5]_, so that one ``cluster_weight`` serves for all
    widths; as a sum it leaves nothing for the clusters to move. At the end k-means goes on from
    the trained centres until each is the mean of its rows.

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
    loss: str = param(set(MODULES), default="kl")
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

    def _make_module(self, n_features: int) -> ClusteringModule:
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

    _of_training_rows: dict[str, float] = {"labels_": -1}

    def _make_autoencoder(self, module: ClusteringModule, n_features: int) -> nn.Module:
        return EncoderDecoder(module.encoder, module.decoder)

    # Training --------------------------------------------------------------------------------

    def _train(self, run, net, X, y) -> None:
        module = net.module_
        n_clusters = len(module.centers)
        if len(X) < n_clusters:
            warn(
                f"n_clusters={n_clusters!r} is more than there are rows, {len(X)}: the clusters "
                "beyond have none.",
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
        """Train with targets of the rows, and an α, that are set anew before each epoch."""
        module = net.module_
        ramp = min(self.ramp_epochs, net.planned_epochs(len(X)) // 2)
        targets = torch.empty(len(X), len(module.centers), device=X.device)
        labels = np.full(len(X), -1)

        def prepare_epoch() -> float:
            """Return the share of the rows that has changed its cluster."""
            nonlocal labels
            q = net.apply(module.assign, X)
            targets.copy_(module.targets(torch.from_numpy(q)))
            n_epochs = len(net.history)
            module.alpha.fill_(self.cluster_weight * (n_epochs / ramp if n_epochs < ramp else 1))
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

    # Clusters. scikit-learn's ClusterMixin asks for a fit_predict that gives clusters; a detector's
    # gives outliers.

    def predict_cluster(self, X):
        """Return the cluster of each row, that of the nearest centre.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to assign.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Numbers of clusters, from 0 to ``n_clusters - 1``, as in ``labels_``.
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
            Student's t of the distance from each centre; rows sum to 1.
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
