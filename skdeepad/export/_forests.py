"""Forests of scikit-learn as torch modules, which compute in torch what these compute in numpy."""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier, IsolationForest, RandomForestClassifier
from torch import Tensor, nn


class Leaves(nn.Module):
    """The leaf that each row reaches in each tree of a forest.

    Nodes of all trees have numbers in one sequence. A leaf is its own child, so that all rows take
    as many steps as the deepest tree has.
    """

    def __init__(self, forest) -> None:
        super().__init__()
        trees = [_nodes_of(tree.tree_) for tree in forest.estimators_]
        sizes = [len(tree.feature) for tree in trees]
        first = np.cumsum([0, *sizes[:-1]])
        if isinstance(forest, IsolationForest):
            trees = [
                tree._replace(feature=names[tree.feature])
                for tree, names in zip(trees, forest.estimators_features_, strict=True)
            ]
        nodes = _Nodes(
            np.concatenate([tree.feature for tree in trees]),
            np.concatenate([tree.threshold for tree in trees]),
            np.concatenate([tree.left + start for tree, start in zip(trees, first, strict=True)]),
            np.concatenate([tree.right + start for tree, start in zip(trees, first, strict=True)]),
            np.concatenate([tree.nan_goes_left for tree in trees]),
        )
        for name, values in nodes._asdict().items():
            self.register_buffer(name, torch.from_numpy(values))
        self.register_buffer("roots", torch.from_numpy(first))
        self.depth = max(tree.get_depth() for tree in forest.estimators_)

    def forward(self, x: Tensor) -> Tensor:
        """Return the numbers of the leaves, (batch, n_trees)."""
        x = x.float().double()
        node = self.roots.expand(x.shape[0], -1)
        for _ in range(self.depth):
            value = x.gather(1, self.feature[node])
            is_hole = value.isnan() & self.nan_goes_left[node]
            goes_left = (value <= self.threshold[node]) | is_hole
            node = torch.where(goes_left, self.left[node], self.right[node])
        return node


class IsolationScores(nn.Module):
    """Scores of an isolation forest, from the depths of the leaves."""

    def __init__(self, forest: IsolationForest) -> None:
        super().__init__()
        self.leaves = Leaves(forest)
        lengths = [
            _depths_of(tree.tree_) + _average_length(tree.tree_.n_node_samples)
            for tree in forest.estimators_
        ]
        self.register_buffer("lengths", torch.from_numpy(np.concatenate(lengths)))
        unit = float(_average_length(np.array([forest.max_samples_]))[0])
        self.register_buffer("per_unit", float64(1 / unit if unit else 0.0))
        self.register_buffer("without_unit", float64(0.0 if unit else 1.0))

    def forward(self, x: Tensor) -> Tensor:
        length = self.lengths[self.leaves(x)].mean(1)
        return -torch.exp2(-(length * self.per_unit + self.without_unit))


class AnomalyShare(nn.Module):
    """Probability of class 1 by a forest, the mean of the trees' probabilities."""

    def __init__(self, forest: ExtraTreesClassifier | RandomForestClassifier) -> None:
        super().__init__()
        self.leaves = Leaves(forest)
        values = np.concatenate([tree.tree_.value[:, 0] for tree in forest.estimators_])
        shares = values[:, list(forest.classes_).index(1)] / values.sum(1)
        self.register_buffer("shares", torch.from_numpy(shares))

    def forward(self, x: Tensor) -> Tensor:
        return self.shares[self.leaves(x)].mean(1)


def float64(values) -> Tensor:
    """Return numbers as a tensor; Python's own are rounded to float32 in ONNX."""
    return torch.as_tensor(values, dtype=torch.float64)


class _Nodes(NamedTuple):
    """Nodes of a tree; a leaf is its own child."""

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    nan_goes_left: np.ndarray


def _nodes_of(tree) -> _Nodes:
    numbers = np.arange(tree.node_count)
    is_leaf = tree.children_left < 0
    return _Nodes(
        np.where(is_leaf, 0, tree.feature).astype(np.int64),
        np.where(is_leaf, 0.0, tree.threshold),
        np.where(is_leaf, numbers, tree.children_left).astype(np.int64),
        np.where(is_leaf, numbers, tree.children_right).astype(np.int64),
        np.asarray(tree.missing_go_to_left, dtype=bool),
    )


def _depths_of(tree) -> np.ndarray:
    """Return the number of steps from the root to each node."""
    depths = np.zeros(tree.node_count)
    for node in range(tree.node_count):  # children have greater numbers
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depths[child] = depths[node] + 1
    return depths


def _average_length(n_rows: np.ndarray) -> np.ndarray:
    """Return the mean depth of a leaf of an isolation tree of this many rows."""
    lengths = np.where(n_rows == 2, 1.0, 0.0)
    many = n_rows > 2
    n = n_rows[many].astype(float)
    lengths[many] = 2 * (np.log(n - 1) + np.euler_gamma - (n - 1) / n)
    return lengths
