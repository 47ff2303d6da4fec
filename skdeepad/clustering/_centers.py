"""Centres of clusters, and the spread of codes around them."""

import numpy as np
import torch
from torch import Tensor

from ..training import DetectorNet
from ._deep_clustering_module import ClusteringModule


def centers_of(module: ClusteringModule) -> np.ndarray:
    return module.centers.detach().cpu().numpy()


def set_centers(module: ClusteringModule, centers: np.ndarray) -> None:
    with torch.no_grad():
        module.centers.copy_(torch.from_numpy(centers))


def spread_of_codes(net: DetectorNet, X: np.ndarray | Tensor) -> np.ndarray:
    """Return the variance of the codes of rows and its share within clusters."""
    module = net.module_
    total = net.apply(module.encode, X).var(0).sum()
    within = net.apply(lambda x: module.distances(module.encode(x)).amin(1), X).mean()
    return np.array([total, within / max(total, 1e-30)])
