"""Training with skorch nets over whole tensors, callbacks and seeds."""

from ._adversarial import AdversarialNet
from ._averages import WeightAverages
from ._build import Run, build_net, find_device, history_table, to_tensor
from ._callbacks import AfterEpoch, KneeStopping, ProgressBar, StopTraining, listening
from ._data import (
    BalancedBatches,
    Batch,
    DrawnBatches,
    HoldOut,
    LabelledBatches,
    TensorBatches,
    TensorData,
    TupleBatches,
    WholeBatches,
    as_tensor,
    count_batches,
)
from ._guard import default_settings, with_default_settings
from ._lazy_rows import LazyRows, blocks_of, part_of, rows_of_a_block
from ._net import DetectorNet
from ._optimizers import OPTIMIZERS
from ._passes import mean_over_rows
from ._random import seeded_generator, seeded_weights
from ._warnings import warn

__all__ = [
    "OPTIMIZERS",
    "AdversarialNet",
    "AfterEpoch",
    "BalancedBatches",
    "Batch",
    "DetectorNet",
    "DrawnBatches",
    "HoldOut",
    "KneeStopping",
    "LabelledBatches",
    "LazyRows",
    "ProgressBar",
    "Run",
    "StopTraining",
    "TensorBatches",
    "TensorData",
    "TupleBatches",
    "WeightAverages",
    "WholeBatches",
    "as_tensor",
    "blocks_of",
    "build_net",
    "count_batches",
    "default_settings",
    "find_device",
    "history_table",
    "listening",
    "mean_over_rows",
    "part_of",
    "rows_of_a_block",
    "seeded_generator",
    "seeded_weights",
    "to_tensor",
    "warn",
    "with_default_settings",
]
