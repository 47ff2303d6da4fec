"""What users see of the clusters."""

import numpy as np
import torch
from torch import Tensor

from .._validation import check_is_fitted
from ..training import DetectorNet
from ._deep_clustering_module import ClusteringModule


def centers_of(module: ClusteringModule) -> np.ndarray:
    return module.centers.detach().cpu().numpy()


def set_centers(module: ClusteringModule, centers: np.ndarray) -> None:
    with torch.no_grad():
        module.centers.copy_(torch.from_numpy(centers))


def spread_of_codes(net: DetectorNet, X: np.ndarray | Tensor) -> np.ndarray:
    """Variance of the codes of rows, and the share of it within clusters."""
    module = net.module_
    total = net.apply(module.encode, X).var(0).sum()
    within = net.apply(lambda x: module.distances(module.encode(x)).amin(1), X).mean()
    return np.array([total, within / max(total, 1e-30)])


class ClustersMixin:
    """Clusters of a detector whose module is a ClusteringModule.

    scikit-learn's ClusterMixin asks for a ``fit_predict`` that gives clusters; a detector's gives
    outliers.
    """

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
