"""Bounds of ADGM and SDGM, what labels mean to them, and a classifier from 100 labels."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from skorch.callbacks import LRScheduler
from torch.distributions import Normal, kl_divergence
from torch.nn import BatchNorm1d
from torch.optim.lr_scheduler import CosineAnnealingLR

from skdeepad import ADGM, SDGM
from skdeepad.training import LabelledBatches
from skdeepad.variational._adgm_module import DeepGenerativeModule

from ..instances import without_labels

both = pytest.mark.parametrize("cls", [ADGM, SDGM])
QUICK = {"hidden_layer_sizes": (16,), "max_epochs": 3, "n_draws": 4, "random_state": 0}


@pytest.fixture(scope="module")
def few_labels(X):
    """Rows with a cluster of anomalies of which 5 are known, 50 known normals, and labels."""
    rng = np.random.RandomState(3)
    rows = np.r_[X, 4 + rng.randn(25, X.shape[1])]
    y = np.zeros(len(rows), dtype=int)
    y[:50], y[-5:] = 1, -1
    return rows, y


def make_module(cls, n_classes=3, n_auxiliary=2, **params):
    torch.manual_seed(0)
    params |= {"n_latent": 2, "n_auxiliary": n_auxiliary, "n_draws": 4}
    det = cls(hidden_layer_sizes=(8,), **params)
    det.classes_ = np.r_[-1, np.arange(1, n_classes)]
    return det._make_module(4)


# The bounds ---------------------------------------------------------------------------------


@both
def test_the_unlabelled_bound_is_the_tightest_at_the_softmax_of_the_labelled_ones(cls):
    module = make_module(cls).eval()
    x = torch.randn(32, 4)
    with torch.no_grad():
        f, log_q = (values[0] for values in module.draws(x, range(3)))
        unlabelled = (log_q.exp() * (log_q - f)).sum(1)
        best = -torch.logsumexp(f, 1)
        assert (unlabelled >= best - 1e-9).all()
        assert (unlabelled > best + 0.01).any()
        module.draws = lambda x, classes: (f[None], F.log_softmax(f, 1)[None])
        assert_allclose(module.marginal(x), best, rtol=1e-9)


@both
def test_without_an_auxiliary_variable_the_bound_is_that_of_a_semi_supervised_vae(cls, monkeypatch):
    module = make_module(cls, n_auxiliary=0, likelihood="bernoulli")
    monkeypatch.setattr(type(module), "randn_like", lambda self, x: torch.full_like(x, 0.5))
    x = torch.rand(5, 4)
    log_q = F.log_softmax(module.classifier(x), 1)
    f = []
    for one_hot in torch.eye(3):
        y = one_hot.expand(5, -1)
        mu, logvar = module.q_z[0].net(torch.cat([x, y], 1)).chunk(2, 1)
        z = mu + 0.5 * torch.exp(logvar / 2)
        logits = module.decoder(torch.cat([z, y], 1))
        log_p = -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        p, q = Normal(0, 1), Normal(mu, torch.exp(logvar / 2))
        f.append(log_p - np.log(3) - kl_divergence(q, p).sum(1))
    f = torch.stack(f, 1)
    unlabelled = (log_q.exp() * (log_q - f)).sum(1)
    assert_allclose(module.loss(x).detach(), unlabelled.detach(), rtol=1e-4)


@pytest.mark.filterwarnings("error")
@both
def test_a_model_without_an_auxiliary_variable_is_trained_and_drawn_from(cls, few_labels):
    det = cls(n_auxiliary=0, **QUICK).fit(*few_labels)
    assert det.transform(few_labels[0]).shape[1] == det.n_latent
    assert det.sample(3, random_state=0, y=-1).shape == (3, few_labels[0].shape[1])
    assert np.isfinite(det.score_samples(few_labels[0])).all()


@both
def test_the_loss_of_each_row_is_its_labelled_or_unlabelled_bound(cls, monkeypatch):
    module = make_module(cls)
    monkeypatch.setattr(type(module), "randn_like", lambda self, x: torch.ones_like(x))
    module.classification_weight.fill_(3.0)
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    a, log_q_a = module.draw_auxiliary(x, torch.ones(5, 2))
    log_q = F.log_softmax(module.classifier(torch.cat([x, a], 1)), 1)

    def bound(k):
        one_hot = F.one_hot(torch.full((5,), k), 3).float()
        draw = module.explain(x, x, a, log_q_a, one_hot, torch.ones(5, 2))
        return -draw.nll.sum(1) - draw.kl - np.log(3)

    f = torch.stack([bound(k) for k in range(3)], 1)
    unlabelled = (log_q.exp() * (log_q - f)).sum(1)
    expected = [
        unlabelled[i] if label == 0 else -f[i, label - 1] - 3.0 * log_q[i, label - 1]
        for i, label in enumerate(y)
    ]
    assert_allclose(module.loss(x, y).detach(), torch.stack(expected).detach(), rtol=1e-5)
    assert_allclose(module.loss(x).detach(), unlabelled.detach(), rtol=1e-5)


@both
@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_labelled_rows_move_the_classifier_by_alpha_alone(cls, alpha):
    module = make_module(cls)
    module.classification_weight.fill_(alpha)
    module.loss(torch.randn(6, 4), torch.tensor([1, 2, 3, 1, 2, 3])).sum().backward()
    size = sum(p.grad.abs().sum() for p in module.classifier.parameters())
    assert (size > 0) == (alpha > 0)


@both
def test_one_draw_of_a_feeds_classifier_bounds_and_its_own_density(cls, monkeypatch):
    module, drawn = make_module(cls), []
    draw = DeepGenerativeModule.draw_auxiliary

    def watched(self, h, noise):
        drawn.append(draw(self, h, noise))
        return drawn[-1]

    seen = {}
    module.classifier.register_forward_pre_hook(
        lambda _, inputs: seen.update(classifier=inputs[0][:, -2:])
    )
    module.q_z[0].register_forward_pre_hook(lambda _, inputs: seen.update(posterior=inputs[1]))
    monkeypatch.setattr(DeepGenerativeModule, "draw_auxiliary", watched)
    x = torch.randn(3, 4)
    module.loss(x, torch.tensor([0, 2, 0]))
    ((a, log_q_a),) = drawn
    assert torch.equal(seen["classifier"], a)
    assert torch.equal(seen["posterior"], a[[0, 1, 2] * 3])
    mu, logvar = module.q_a(x)
    normal = torch.distributions.Normal(mu, torch.exp(logvar / 2))
    assert_allclose(log_q_a.detach(), normal.log_prob(a).sum(1).detach(), rtol=1e-5)


# Labels -------------------------------------------------------------------------------------


@both
def test_labels_are_read_by_their_sign_and_distinct_values_are_classes(cls, few_labels):
    rows, y = few_labels
    det = cls(**QUICK).fit(rows, y)
    assert_array_equal(det.classes_, [-1, 1])
    scores = det.score_samples(rows)
    assert_array_equal(cls(**QUICK).fit(rows, 7.5 * y).score_samples(rows), scores)
    assert_array_equal(cls(**QUICK).fit(rows, y.astype(object)).score_samples(rows), scores)
    y = np.where(np.arange(len(y)) % 2, 2 * y, y)
    det = cls(**QUICK).fit(rows, y)
    assert_array_equal(det.classes_, [-2, -1, 1, 2])
    assert_array_equal(det.net_.module_.normal, [False, False, True, True])
    probabilities = det.predict_proba(rows)
    assert_allclose(probabilities.sum(1), 1)
    assert_array_equal(det.predict_class(rows), det.classes_[probabilities.argmax(1)])
    assert set(det.predict(rows)) <= {-1, 1}


@both
@pytest.mark.parametrize(
    ("labels", "classes"),
    [(None, [1]), ([0], [1]), ([0, 1], [1]), ([0, 1, 2], [1, 2])],
    ids=["None", "0", "0 and 1", "0, 1 and 2"],
)
def test_without_labelled_anomalies_it_warns_and_learns_what_is_normal(cls, labels, classes, X):
    y = None if labels is None else np.resize(labels, len(X))
    with pytest.warns(UserWarning, match=r"no labelled anomaly in y.*semi_labels\(y"):
        det = cls(**QUICK).fit(X, y)
    assert_array_equal(det.classes_, classes)
    assert np.isfinite(det.score_samples(X)).all()
    with (
        pytest.warns(UserWarning, match="no labelled anomaly"),
        pytest.raises(ValueError, match="'posterior' needs labelled anomalies"),
    ):
        cls(**QUICK, anomaly_score="posterior").fit(X, y)


@both
def test_with_labelled_anomalies_nothing_is_warned_of(cls, few_labels):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cls(**QUICK).fit(*few_labels)


@both
def test_without_labelled_normals_unlabelled_rows_stand_in(cls, few_labels):
    rows, y = few_labels
    det = cls(hidden_layer_sizes=(16,), max_epochs=60, lr=5e-3, random_state=1)
    det.fit(rows, np.minimum(y, 0))
    assert_array_equal(det.classes_, [-1, 1])
    normal = det.predict_proba(rows)[:, 1]
    assert roc_auc_score(np.arange(len(rows)) < 300, normal) > 0.97
    with pytest.raises(ValueError, match="every row as a known anomaly"):
        det.fit(rows, -np.ones(len(rows)))
    assert_array_equal(det.classes_, [-1, 1])


@both
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda y: np.where(y == 1, np.nan, y), "y contains NaN"),
        (
            lambda y: np.where(y == 1, "normal", "?"),
            "y must hold numbers, .* got values of type str_",
        ),
        (lambda y: y == -1, "got values of type bool"),
        (lambda y: pd.Series(y == -1, dtype="boolean"), "got values of type bool"),
        (lambda y: y.astype("datetime64[s]"), "got values of type datetime64"),
        (lambda y: pd.Series(y).astype("timedelta64[s]").astype(object), "of type Timedelta"),
        (lambda y: y * 1j, "Complex data not supported: y must hold numbers"),
        (lambda y: pd.Series(y * 1j).astype(object), "got values of type complex"),
        (lambda y: pd.Series([[1], *y[1:]]), "y must hold numbers, .* got values of type list"),
        (lambda y: [[label] * (1 + (label > 0)) for label in y], "y should be a 1d array, got lis"),
        (lambda y: y[1:], "inconsistent numbers of samples"),
        (lambda y: np.c_[y, y], "1d array"),
        (lambda y: y.astype(str), "got values of type str_"),
        (lambda y: y.astype("S2"), "got values of type bytes_"),
    ],
    ids=[
        *("NaN", "text", "booleans", "nullable booleans", "dates", "durations"),
        *(
            "complex numbers",
            "complex objects",
            "lists",
            "lists of several lengths",
            "length",
            "2-d",
        ),
        *("numbers as text", "numbers as bytes"),
    ],
)
def test_bad_labels_get_a_clear_error_and_lose_nothing(cls, spoil, message, few_labels):
    rows, y = few_labels
    det = cls(**QUICK).fit(rows, y)
    scores = det.score_samples(rows)
    with pytest.raises(ValueError, match=message):
        det.fit(rows, spoil(y))
    assert_array_equal(det.score_samples(rows), scores)


@both
def test_training_goes_on_with_the_classes_of_the_first_fit(cls, few_labels):
    rows, y = few_labels
    det = cls(**QUICK).fit(rows, y).partial_fit(rows, y).partial_fit(rows)
    assert det.n_iter_ == 5
    assert_array_equal(det.classes_, [-1, 1])
    scores = det.score_samples(rows)
    with pytest.raises(ValueError, match=r"y has the labels \[2\.0\], which .* among \[-1, 1\]"):
        det.partial_fit(rows, np.abs(2 * y))
    assert_array_equal(det.score_samples(rows), scores)
    det.set_params(warm_start=True).fit(rows, y)
    assert det.n_iter_ == 8


@both
def test_rows_are_held_out_with_their_labels(cls, few_labels):
    rows, y = few_labels

    def valid_loss(labels):
        settings = QUICK | {"max_epochs": 1, "lr": 1e-9, "early_stopping": True}
        det = cls(**settings, validation_fraction=0.5, classification_weight=1.0)
        return det.fit(rows, labels).history_["valid_loss"][0]

    # The same classes, weights and rows held out; other labels among them.
    assert valid_loss(y) != valid_loss(np.where(np.arange(len(y)) % 7 == 0, y[::-1], y))


def test_the_weight_of_the_classification_follows_the_share_of_labels(few_labels):
    rows, y = few_labels
    alpha = {
        weight: float(
            ADGM(**QUICK, classification_weight=weight)
            .fit(rows, y)
            .net_.module_.classification_weight
        )
        for weight in ("auto", 7.0)
    }
    assert alpha == {"auto": pytest.approx(len(y) / 55), 7.0: 7.0}


def test_training_goes_on_with_another_weight_of_the_classification(few_labels):
    det = ADGM(**QUICK, warm_start=True).fit(*few_labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        det.set_params(classification_weight=7.0).fit(*few_labels)
    assert float(det.net_.module_.classification_weight) == 7


@both
def test_the_combined_score_is_the_sum_of_both_on_the_scale_of_the_training_rows(cls, few_labels):
    rows, y = few_labels
    parts = {
        score: -cls(**QUICK, anomaly_score=score).fit(rows, y).score_samples(rows)
        for score in ("combined", "joint", "posterior")
    }
    units = []
    for score in ("joint", "posterior"):
        median, high = np.quantile(parts[score], [0.5, 0.9])
        unit = (parts[score] - median) / (high - median)
        units.append(np.where(unit > 10, 10 + np.log1p(np.abs(unit - 10)), unit))
    assert_allclose(parts["combined"], units[0] + np.maximum(units[1], 0), rtol=1e-5, atol=1e-6)


@both
@without_labels
def test_without_labelled_anomalies_the_combined_score_is_the_joint_one(cls, few_labels):
    rows, y = few_labels
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        combined, joint = (
            cls(**QUICK, anomaly_score=score).fit(rows, np.maximum(y, 0)).score_samples(rows)
            for score in ("combined", "joint")
        )
    assert_array_equal(combined, joint)


@both
@without_labels
def test_a_batch_of_one_row_has_no_statistics(cls, few_labels):
    rows, _ = few_labels
    det = cls(**QUICK).fit(*few_labels)
    scores = det.score_samples(rows)
    with pytest.raises(ValueError, match="batch_size=1 needs batch_norm=False"):
        det.set_params(batch_norm=True, batch_size=1).fit(rows)
    assert_array_equal(det.score_samples(rows), scores)


# What it finds ------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("score", ["combined", "joint"])
def test_known_and_new_anomalies_score_high(cls, score, few_labels, far_anomalies):
    rows, y = few_labels
    normal, new = (far_anomalies[0][far_anomalies[1] == kind] for kind in (0, 1))
    # The cluster of known anomalies lies at 4 in every feature.
    known = 4 + np.random.RandomState(4).randn(50, rows.shape[1])
    det = cls(
        hidden_layer_sizes=(32,), anomaly_score=score, max_epochs=60, lr=5e-3, random_state=1
    ).fit(rows, y)
    for anomalies in (known, new):
        truth = np.repeat([0, 1], [len(normal), len(anomalies)])
        assert roc_auc_score(truth, -det.score_samples(np.r_[normal, anomalies])) > 0.97
    truth = np.repeat([0, 1], [len(normal), len(known)])
    known_kind = det.predict_proba(np.r_[normal, known])[:, 0]
    assert roc_auc_score(truth, known_kind) > 0.97
    det = cls(**QUICK, anomaly_score="posterior").fit(rows, y)
    anomalous, normal = det.predict_proba(rows).T
    assert_allclose(-det.score_samples(rows), np.log(anomalous / normal), rtol=1e-4, atol=1e-6)


@both
def test_rows_are_drawn_and_reconstructed_by_class(cls, few_labels):
    rows, y = few_labels
    det = cls(hidden_layer_sizes=(32,), max_epochs=60, lr=5e-3, random_state=0).fit(rows, y)
    anomalies, normal = (det.sample(500, random_state=0, y=label) for label in (-1, 1))
    assert anomalies.mean() > 2 > 1 > abs(normal.mean())
    assert_array_equal(det.sample(500, random_state=0), normal)
    assert_allclose(det.inverse_transform(det.transform(rows)), det.reconstruct(rows), rtol=1e-5)
    with pytest.raises(ValueError, match=r"y=3 must be one of \[-1, 1\] or None"):
        det.sample(y=3)
    with pytest.raises(ValueError, match="n_samples=0 must be"):
        det.sample(0)
    assert det.feature_contributions(rows).shape == rows.shape


def test_batch_statistics_of_the_classifier_are_those_of_the_rows_once():
    module = make_module(SDGM, batch_norm=True)
    sizes = []
    norm = next(part for part in module.classifier.modules() if isinstance(part, BatchNorm1d))
    norm.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    module.loss(torch.randn(6, 4), torch.tensor([0, 0, 0, 0, 1, 2]))
    assert sizes == [6]


# MNIST --------------------------------------------------------------------------------------


class BinarisedBatches(LabelledBatches):
    """Pixels drawn anew in each step, with their grey values for probabilities."""

    def __iter__(self):
        for batch in super().__iter__():
            yield batch._replace(x=torch.bernoulli(batch.x, generator=self.generator))


class ClassifierAlone(DeepGenerativeModule):
    """The same nets without the bounds of the likelihood."""

    def loss(self, x, y):
        a, _ = self.draw_auxiliary(x, self.randn_like(x.new_empty(len(x), self.n_auxiliary)))
        logits = self.classifier(torch.cat([x, a], 1))
        return F.cross_entropy(logits, (y - 1).clamp_min(0), reduction="none") * (y > 0)


@pytest.mark.filterwarnings("ignore:There is no labelled anomaly")
def test_30_labels_tell_more_beside_unlabelled_rows_than_alone(monkeypatch):
    X, digits = load_digits(return_X_y=True)
    X, X_test, truth = X[:1200] / 16, X[1200:] / 16, digits[1200:]
    rng, y = np.random.RandomState(0), np.zeros(1200, dtype=int)
    for digit in range(10):
        y[rng.choice(np.flatnonzero(digits[:1200] == digit), 3, replace=False)] = digit + 1
    params = {"hidden_layer_sizes": (64,), "n_latent": 8, "n_auxiliary": 8, "n_draws": 1}
    params |= {"activation": "relu", "batch_norm": True, "likelihood": "bernoulli", "scaler": None}
    params |= {"max_epochs": 20, "lr": 4e-3, "batch_size": 100, "trim": 0, "random_state": 0}

    def error():
        return (SDGM(**params).fit(X, y).predict_class(X_test) != truth + 1).mean()

    with_the_bounds = error()
    monkeypatch.setattr(
        "skdeepad.variational._deep_generative.DeepGenerativeModule", ClassifierAlone
    )
    assert with_the_bounds <= 0.3
    assert with_the_bounds <= error() - 0.05


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:There is no labelled anomaly")
def test_100_labels_of_mnist_are_enough(shared_data, monkeypatch):
    with np.load(shared_data / "mnist.npz") as mnist:
        X, X_test = (
            mnist[key][:10000].reshape(10000, -1) / np.float32(255) for key in ("X_train", "X_test")
        )
        digits, truth = mnist["y_train"][:10000], mnist["y_test"]
    rng, y = np.random.RandomState(0), np.zeros(10000, dtype=int)
    for digit in range(10):
        y[rng.choice(np.flatnonzero(digits == digit), 10, replace=False)] = digit + 1
    lively = X.std(0) > 0.1

    def error():
        det = SDGM(
            hidden_layer_sizes=(200, 200),
            n_latent=20,
            n_auxiliary=20,
            activation="relu",
            batch_norm=True,
            likelihood="bernoulli",
            n_draws=8,
            scaler=None,
            max_epochs=15,
            max_steps=None,
            lr=4e-3,
            batch_size=100,
            trim=0,
            callbacks=[LRScheduler(CosineAnnealingLR, T_max=15)],
            net_params={"iterator_train": BinarisedBatches},
            random_state=0,
        ).fit(X[:, lively], y)
        return (det.predict_class(X_test[:, lively]) != truth + 1).mean()

    with_the_bounds = error()
    monkeypatch.setattr(
        "skdeepad.variational._deep_generative.DeepGenerativeModule", ClassifierAlone
    )
    assert with_the_bounds <= 0.15
    assert with_the_bounds <= 0.75 * error()
