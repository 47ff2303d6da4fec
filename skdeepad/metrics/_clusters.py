"""How well clusters meet known classes."""

from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix
from sklearn.utils import check_consistent_length, column_or_1d


def clustering_accuracy(labels_true, labels_pred):
    r"""Share of rows whose cluster is that of their class, under the best matching of the two.

    .. math:: \mathrm{ACC} = \max_m \frac1n \sum_i [\, y_i = m(c_i) \,]

    over the one-to-one mappings :math:`m` of clusters to classes, by the Hungarian algorithm. Where
    there are more clusters than classes, or fewer, rows of those left over count as wrong.

    Read more in the :ref:`User Guide <clustering>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Classes, numbers or strings.

    labels_pred : array-like of shape (n_samples,)
        Clusters, such as ``labels_`` or ``predict_cluster(X)``.

    Returns
    -------
    accuracy : float
        In (0, 1]; 1 where clusters and classes are the same but for their names.

    See Also
    --------
    sklearn.metrics.normalized_mutual_info_score : Without a matching; several clusters within a
        class cost less.

    Examples
    --------
    >>> from skdeepad.metrics import clustering_accuracy
    >>> clustering_accuracy(["a", "a", "b", "b"], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy([0, 0, 1, 1], [0, 0, 0, 1])
    0.75
    """
    labels_true, labels_pred = column_or_1d(labels_true), column_or_1d(labels_pred)
    check_consistent_length(labels_true, labels_pred)
    if not len(labels_true):
        raise ValueError("labels_true is empty: at least one row is needed")
    counts = contingency_matrix(labels_true, labels_pred)
    matched = counts[linear_sum_assignment(counts, maximize=True)]
    return float(matched.sum() / len(labels_true))
