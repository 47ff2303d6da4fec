"""The accuracy of clusters."""

from itertools import permutations

import numpy as np
import pytest

from skdeepad.metrics import clustering_accuracy


def test_names_of_clusters_do_not_matter():
    classes = np.random.RandomState(0).randint(4, size=50)
    assert clustering_accuracy(classes, (classes + 1) % 4) == 1.0
    assert clustering_accuracy(np.array(list("abcd"))[classes], 10 * classes - 7) == 1.0


def test_the_matching_is_the_best_of_all():
    rng = np.random.RandomState(0)
    for _ in range(20):
        classes, clusters = rng.randint(4, size=(2, 30))
        best = max(np.mean(classes == np.array(m)[clusters]) for m in permutations(range(4)))
        assert clustering_accuracy(classes, clusters) == pytest.approx(best)


@pytest.mark.parametrize(
    ("classes", "clusters", "expected"),
    [
        ([0, 0, 0, 0], [0, 1, 2, 2], 0.5),  # two clusters are left over
        ([0, 1, 2, 2], [0, 0, 0, 0], 0.5),  # two classes are
        # Each cluster's commonest class would be class 0, twice: a class has one cluster.
        ([0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 0], 4 / 7),
    ],
)
def test_a_class_has_one_cluster_and_a_cluster_one_class(classes, clusters, expected):
    assert clustering_accuracy(classes, clusters) == pytest.approx(expected)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clustering_accuracy([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="labels_true is empty"):
        clustering_accuracy([], [])
    with pytest.raises(ValueError, match="1d array"):
        clustering_accuracy(np.eye(3), [0, 1, 2])
