"""What the common tests know of each detector. A new detector is one more row here."""

import os
from dataclasses import dataclass, field

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import RobustScaler
from skorch.callbacks import GradientNormClipping
from torch.distributions import Normal

import skdeepad
from skdeepad.nn import MLPBackbone


@dataclass
class Instance:
    """What the common tests know of a detector."""

    #: Parameters that make a fit take milliseconds.
    small: dict
    #: Parameters with which a net learns the 300 rows of the common tests.
    learning: dict
    #: Another value for each parameter of its own, which must show in what a fit gives; where a
    #: parameter acts only beside another one, as (value, the others).
    other: dict
    #: Further parameters under which a fit takes one step of no length.
    untrained: dict = field(default_factory=dict)
    #: Whether the method knows only anomalies like the known ones: tests of what it finds train it
    #: with some.
    needs_anomalies: bool = False
    #: Documented attributes that say something of each training row, beside its score.
    of_rows: list = field(default_factory=list)


# A step moves five nets or more.
SMALL_AUXILIARY = {"max_epochs": 3, "n_draws": 4, "hidden_layer_sizes": (16,), "batch_size": 300}
LEARNING_AUXILIARY = {"max_epochs": 50, "n_draws": 4, "hidden_layer_sizes": (32,), "lr": 5e-3}
SMALL_FLOW = {"max_epochs": 3, "n_blocks": 2, "hidden_layer_sizes": (8,)}


#: Parameters under which a fit takes one step of no length: the untrained net.
UNTRAINED = {"max_epochs": 1, "max_steps": 1, "lr": 1e-12}

#: Another value for each parameter, which must show in what a fit gives; where a parameter acts
#: only beside another one, as (value, the others).
OTHER_VALUES = {
    "hidden_layer_sizes": (5, 3),
    "backbone": MLPBackbone((6,)),
    "activation": "relu",
    "scaler": "robust",
    "max_epochs": 2,
    "max_steps": 1,
    "lr": 0.02,
    "lr_milestones": (0.1,),
    "batch_size": 50,
    "optimizer": "sgd",
    "weight_decay": 0.5,
    "trim": 0.4,
    "trim_start": 0.7,
    "early_stopping": True,
    "validation_fraction": (0.3, {"early_stopping": True}),
    "n_iter_no_change": (1, {"early_stopping": True, "max_epochs": 30, "lr": 0.5}),
    "contamination": 0.3,
    "callbacks": [GradientNormClipping(1e-3)],
    "net_params": {"optimizer__betas": (0.5, 0.5)},
    "random_state": 1,
}
OF_DEEP_GENERATIVE_MODELS = {
    "n_latent": 5,
    "n_auxiliary": 5,
    "batch_norm": True,
    "likelihood": "gaussian",
    "min_std": 1.5,
    "classification_weight": 10.0,
    "kl_warm_up_epochs": 5,
    "anomaly_score": "marginal",
    "n_draws": 3,
    "trim": 0.0,
}
OF_GAMES = {
    "n_latent": 5,
    "activation": "tanh",
    "label_smoothing": 0.3,
    "gradient_penalty_weight": 5.0,
    "average_decay": 0.5,
    "turns": (2, 1),
    "max_epochs": 5,
    "trim": 0.3,
}
OF_FLOWS = {
    "activation": "elu",
    "n_blocks": 3,
    "lipschitz_constant": 0.5,
    "log_det": "series",
    "n_power_terms": (1, {"log_det": "series"}),
    "noise": 0.5,
    "trim": 0.3,
}

#: For tests with fewer rows than DeepClustering has clusters, or fewer that differ.
with_few_rows = pytest.mark.filterwarnings(
    "ignore:n_clusters=10 is more than the number of rows:UserWarning",
    "ignore:Number of distinct clusters:sklearn.exceptions.ConvergenceWarning",
)
#: For tests in which detectors that learn from labels do so without any, and say it.
without_labels = pytest.mark.filterwarnings("ignore:There is no labelled anomaly in y:UserWarning")


#: Parameters that act on something else than the result, or on other data, each with a test of
#: its own.
TESTED_ELSEWHERE = {"device", "missing", "verbose", "warm_start", "least_anomalies"}


class Instances(dict):
    """A table with a row for each detector; the error for a missing one says what to add."""

    def __missing__(self, name):
        raise LookupError(
            f"tests/instances.py has no row for {name}: add an Instance with the parameters that "
            "make its fit quick, those with which it learns the rows of the common tests, and "
            "another value for each parameter of its own."
        )


INSTANCES = Instances(
    {
        "AAE": Instance(
            small={"max_epochs": 3},
            learning={"max_epochs": 50},
            other={
                "n_latent": 5,
                "posterior": "gaussian",
                "prior": "uniform",
                "discriminator_layer_sizes": (5,),
                "lr_discriminator": 0.01,
                "anomaly_score": "discriminator",
                "residual_scaling": "plain",
                "trim": 0.0,
            },
        ),
        "ADGM": Instance(
            small=SMALL_AUXILIARY,
            learning=LEARNING_AUXILIARY,
            other=OF_DEEP_GENERATIVE_MODELS,
        ),
        "AnoGAN": Instance(
            small={
                "max_epochs": 3,
                "n_latent_steps": 3,
                "n_starts": 32,
                "hidden_layer_sizes": (32,),
            },
            learning={"max_steps": 1500, "hidden_layer_sizes": (32,)},
            other=OF_GAMES
            | {
                "context_columns": (0, -1),
                "train_encoder": True,
                "encoder_steps": (1, {"train_encoder": True}),
                "encoder_feature_weight": (50.0, {"train_encoder": True}),
                "discriminator_term": "cross_entropy",
                "residual_weight": 0.5,
                "n_latent_steps": 5,
                "lr_latent": 0.5,
                "n_starts": 5,
                "n_restarts": 3,
            },
        ),
        "AutoEncoder": Instance(
            small={"max_epochs": 3},
            learning={"max_epochs": 150},
            other={
                "n_latent": 5,
                "loss": "absolute_error",
                "noise": 0.5,
                "dropout": 0.5,
                "activity_weight": 1.0,
                "residual_scaling": "plain",
                "norm": "max",
                "n_snapshots": 3,
                "trim": 0.0,
            },
        ),
        "AuxiliaryVAE": Instance(
            small=SMALL_AUXILIARY,
            learning=LEARNING_AUXILIARY,
            other={
                "n_latent": (4, 2),
                "n_auxiliary": 5,
                "skip": True,
                "likelihood": "gaussian",
                "min_std": 1.5,
                "kl_warm_up_epochs": 5,
                "anomaly_score": "kl",
                "n_draws": 3,
                "trim": 0.0,
            },
        ),
        "BDSGM": Instance(
            small=SMALL_FLOW
            | {"generator_steps": 3, "reference_batch_size": 100, "generator_batch_size": 32},
            learning={"max_epochs": 30, "n_blocks": 4, "generator_steps": 50},
            other=OF_FLOWS
            | {
                "density": "gaussian",
                "generator_layer_sizes": (5,),
                "distance_weight": 1.0,
                "dispersion_weight": 0.1,
                "reference_batch_size": 30,
                "generator_batch_size": 16,
                "generator_steps": 2,
                "lr_generator": 0.03,
                "threshold_quantile": 0.3,
            },
            untrained={"generator_steps": 1},
        ),
        "DeepClustering": Instance(
            small={"max_epochs": 6, "pretrain_epochs": 2},
            learning={},
            other={
                "n_clusters": 4,
                "cluster_loss": "k-means",
                "cluster_weight": 0.5,
                "ramp_epochs": 1,
                "degrees_of_freedom": 5.0,
                "n_init": 1,
                "tol": (0.9, {"max_epochs": 12}),
                "n_latent": 3,
                "pretrain_epochs": 1,
                "anomaly_score": "entropy",
                "trim": 0.0,
            },
            untrained={"pretrain_epochs": 0},
            of_rows=["labels_"],
        ),
        "DeepSAD": Instance(
            small={"max_epochs": 3, "pretrain_epochs": 2},
            learning={},
            other={
                "labelled_weight": 5.0,
                "n_latent": 3,
                "batch_norm": False,
                "pretrain_epochs": 1,
                "center_eps": 0.5,
                "trim": 0.0,
            },
            untrained={"pretrain_epochs": 0},
        ),
        "DeepSVDD": Instance(
            small={"max_epochs": 3, "pretrain_epochs": 2},
            learning={},
            other={
                "objective": "soft-boundary",
                "nu": 0.3,
                "n_latent": 3,
                "batch_norm": False,
                "pretrain_epochs": 1,
                "warm_up_epochs": (1, {"objective": "soft-boundary", "max_epochs": 10}),
                "center_eps": 0.5,
                "trim": 0.0,
            },
            untrained={"pretrain_epochs": 0},
        ),
        "DevNet": Instance(
            small={"max_epochs": 3, "steps_per_epoch": 10},
            learning={},
            other={
                "activation": "tanh",
                "margin": 2.0,
                "n_prior_draws": 10,
                "steps_per_epoch": 5,
                "net_params": {"optimizer__alpha": 0.5},
            },
            needs_anomalies=True,
        ),
        "DPLAN": Instance(
            small={"max_epochs": 3, "steps_per_epoch": 20, "warm_up_steps": 20},
            learning={"max_epochs": 5, "steps_per_epoch": 250, "warm_up_steps": 500},
            other={
                "activation": "tanh",
                "discount": 0.5,
                "loss": ("huber", {"lr": 0.1}),
                "anomaly_probability": 0.1,
                "subset_size": 20,
                "intrinsic_weight": 0.5,
                "warm_up_steps": 50,
                "steps_per_epoch": 10,
                "exploration": (0.5, 0.1),
                "exploration_steps": 10,
                "replay_size": 15,
                "trim": 0.8,
                "target_update": 10,
                "reward_update": 10,
                "batch_size": 10,
                "net_params": {"optimizer__alpha": 0.5},
            },
            needs_anomalies=True,
        ),
        "EGBAD": Instance(
            small={
                "max_epochs": 3,
                "generator_layer_sizes": (16,),
                "discriminator_layer_sizes": (16,),
            },
            learning={
                **{"max_steps": 400, "lr": 2e-3, "hidden_layer_sizes": (32,)},
                **{"generator_layer_sizes": (32,), "discriminator_layer_sizes": (32,)},
                "gradient_penalty_weight": 0.1,  # a discriminator that learns faster than the rest
            },
            other=OF_GAMES
            | {
                "generator_layer_sizes": (5,),
                "discriminator_layer_sizes": (5, 3),
                "dropout": 0.6,
                "context_columns": (0, -1),
                "residual_weight": 0.5,
                "discriminator_term": "feature_matching",
                "discriminator_input": "reconstruction",
                "norm": "l2",
                "score_scaling": "train",
                "reconstruction_weight": 5.0,
            },
        ),
        "GANomaly": Instance(
            small={"max_epochs": 3, "hidden_layer_sizes": (32,)},
            learning={"max_steps": 400, "hidden_layer_sizes": (32,)},
            other=OF_GAMES
            | {
                "adversarial_weight": 10.0,
                "contextual_weight": 5.0,
                "encoder_weight": 10.0,
                "anomaly_score": "contextual",
                "norm": "l1",
                "discriminator_reset_tol": 5.0,
            },
        ),
        "InvertibleResNet": Instance(
            small=SMALL_FLOW,
            learning={"max_epochs": 30},
            other=OF_FLOWS,
        ),
        "LadderVAE": Instance(
            small={"max_epochs": 3, "n_draws": 4},
            learning={"max_epochs": 60},
            other={
                "hidden_layer_sizes": (5, 3, 2),
                "n_latent": (5, 3, 1),
                "batch_norm": False,
                "likelihood": "gaussian",
                "min_std": 1.5,
                "kl_warm_up_epochs": 2,
                "anomaly_score": "kl",
                "kl_layer": (2, {"anomaly_score": "kl"}),
                "n_draws": 3,
                "trim": 0.0,
            },
        ),
        "OCNN": Instance(
            small={"max_epochs": 3, "activation": "sigmoid", "trim": 0.0},
            learning={},
            other={
                "nu": 0.1,
                "trim": 0.05,
                "input_map": None,
                "encoder": PCA(3, random_state=0),
                "scaler": RobustScaler(),
                "tol": (10.0, {"max_epochs": 12}),
                "n_iter_no_change": (1, {"max_epochs": 12, "tol": 10.0}),
                "batch_size": 50,
            },
        ),
        "REPEN": Instance(
            small={"max_epochs": 3, "steps_per_epoch": 10},
            learning={"max_epochs": 60},
            other={
                "n_latent": 5,
                "activation": "tanh",
                "margin": 5.0,
                "n_subsamples": 10,
                "subsample_size": 3,
                "outlier_threshold": (1.0, {"known_share": 0.5}),
                "known_share": 0.5,
                "steps_per_epoch": 5,
            },
            needs_anomalies=True,
        ),
        "RobustAutoEncoder": Instance(
            small={"max_epochs": 3},
            learning={"max_epochs": 150},
            other={
                "n_latent": 5,
                "penalty": "row",
                "sparse_weight": 5.0,
                "n_inner_epochs": (1, {"max_epochs": 30}),
                "residual_scaling": "plain",
                "norm": "max",
                "n_snapshots": 3,
                "trim": 0.0,
            },
            of_rows=["sparse_"],
        ),
        "SDGM": Instance(
            small=SMALL_AUXILIARY,
            learning=LEARNING_AUXILIARY,
            other=OF_DEEP_GENERATIVE_MODELS,
        ),
        "VAE": Instance(
            small={"max_epochs": 3, "n_draws": 4},
            learning={"max_epochs": 150},
            other={
                "n_latent": 5,
                "likelihood": "gaussian",
                "min_std": 1.5,
                "kl_weight": 5.0,
                "anomaly_score": "kl",
                "n_draws": 3,
                "residual_scaling": ("plain", {"anomaly_score": "reconstruction_error"}),
                "trim": 0.0,
            },
        ),
        "WAE": Instance(
            small={"max_epochs": 3},
            learning={"max_epochs": 60},
            other={
                "n_latent": 5,
                "posterior": "gaussian",
                "prior": Normal(1.0, 2.0),
                "cost": "absolute_error",
                "divergence": "gan",
                "divergence_weight": 1.0,
                "kernel": "rbf",
                "kernel_scales": (1.0,),
                "discriminator_layer_sizes": ((5,), {"divergence": "gan"}),
                "lr_discriminator": (0.01, {"divergence": "gan"}),
                "anomaly_score": "latent_density",
                "residual_scaling": "plain",
                "trim": 0.0,
            },
        ),
    }
)


def small(name, **params):
    """A detector that fits in milliseconds.

    A row that is missing fails tests of this detector, not the collection of all of them.
    """
    collecting = "PYTEST_CURRENT_TEST" not in os.environ
    row = INSTANCES[name].small if name in INSTANCES or not collecting else {}
    return getattr(skdeepad, name)(**row | {"random_state": 0} | params)


def learning(name, **params):
    """A detector that learns the rows of the common tests."""
    return getattr(skdeepad, name)(**INSTANCES[name].learning | {"random_state": 0} | params)


def untrained(name, **params):
    """A detector whose net a fit leaves as it was drawn."""
    return small(name, **UNTRAINED | INSTANCES[name].untrained | params)


def other_values(name):
    """Name, value and accompanying parameters of each parameter of a detector."""
    values = OTHER_VALUES | INSTANCES[name].other
    for parameter in small(name).get_params(deep=False):
        if parameter in TESTED_ELSEWHERE:
            continue
        if parameter not in values:
            raise LookupError(
                f"tests/instances.py has no other value for {parameter} of {name}: add one to "
                "other of its Instance."
            )
        value = values[parameter]
        plain = not (isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], dict))
        yield (parameter, value, {}) if plain else (parameter, *value)


def rows_of_few_kinds(n=400):
    """Binary rows, of which many are the same."""
    rng = np.random.RandomState(0)
    rows = rng.binomial(1, [0.1, 0.3, 0.5, 0.6], (n, 4)).astype(float)
    rows[rng.rand(n) < 0.15] = 1
    return rows
