"""How good a detector is, with labels and without.

Every function of scores reads them in scikit-learn's sign: what ``score_samples`` and
``decision_function`` return, **the higher the more normal**.
"""

from ._clusters import clustering_accuracy
from ._consensus import ConsensusScorer, consensus
from ._label_free import (
    em_mv_scores,
    excess_mass_area,
    excess_mass_curve,
    mass_volume_area,
    mass_volume_curve,
)
from ._labels import anomaly_mask
from ._ranking import anomaly_average_precision, anomaly_roc_auc, precision_at_n
from ._scorers import (
    anomaly_average_precision_scorer,
    anomaly_roc_auc_scorer,
    excess_mass_scorer,
    mass_volume_scorer,
    precision_at_n_scorer,
)

__all__ = [
    "ConsensusScorer",
    "anomaly_average_precision",
    "anomaly_average_precision_scorer",
    "anomaly_mask",
    "anomaly_roc_auc",
    "anomaly_roc_auc_scorer",
    "clustering_accuracy",
    "consensus",
    "em_mv_scores",
    "excess_mass_area",
    "excess_mass_curve",
    "excess_mass_scorer",
    "mass_volume_area",
    "mass_volume_curve",
    "mass_volume_scorer",
    "precision_at_n",
    "precision_at_n_scorer",
]
