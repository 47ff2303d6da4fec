"""Many nets that are trained as one, by the joblib backend ``"stacked"``."""

import pickle
import threading
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import loguniform, spearmanr
from sklearn.base import clone
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import FitFailedWarning
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from torch import nn

from skdeepad import DeepSVDD, DetectorEnsemble
from skdeepad.nn import MLPBackbone
from skdeepad.training import Run, _meeting, _stacked
from skdeepad.variational._vae import VAEModule

from ..instances import small, without_labels

pytestmark = without_labels

#: A number of the loss, of the module or of the optimizer, for detectors whose nets can be one.
NUMBERS = {
    "AutoEncoder": ("activity_weight", [0.1, 0.2, 0.5, 1.0]),
    "RobustAutoEncoder": ("lr", [1e-3, 2e-3, 5e-4, 1e-2]),
    "VAE": ("kl_weight", [0.1, 0.5, 1.0, 2.0]),
    "AuxiliaryVAE": ("weight_decay", [0.0, 1e-3, 1e-2, 0.1]),
    "ADGM": ("lr", [1e-3, 2e-3, 5e-4, 1e-2]),
    "SDGM": ("weight_decay", [0.0, 1e-3, 1e-2, 0.1]),
    "LadderVAE": ("trim", [0.0, 0.1, 0.2, 0.4]),
    "DeepSVDD": ("nu", [0.05, 0.1, 0.2, 0.3]),
    "DeepSAD": ("labelled_weight", [0.5, 1.0, 2.0, 5.0]),
    "DevNet": ("margin", [2.0, 3.0, 4.0, 5.0]),
    "DeepClustering": ("lr", [1e-3, 2e-3, 5e-4, 1e-2]),
    "OCNN": ("nu", [0.05, 0.1, 0.2, 0.3]),
    "REPEN": ("margin", [500.0, 1000.0, 1500.0, 2000.0]),
    "InvertibleResNet": ("noise", [0.05, 0.1, 0.2, 0.3]),
}
every_stackable = pytest.mark.parametrize("name", NUMBERS)


def some_labels(X):
    return np.resize([-1, 1, 0, 0, 0], len(X))


def candidates(name):
    parameter, values = NUMBERS[name]
    more = {"objective": "soft-boundary", "trim": 0.0} if name == "DeepSVDD" else {}
    # Twice the rate amplifies the rounding of its batch normalisation to ranks of .99989.
    more |= {"lr": 1e-3} if name == "LadderVAE" else {}
    more |= {"max_epochs": 30, "max_steps": 30}
    return [
        small(name, random_state=i, **more | {parameter: value}) for i, value in enumerate(values)
    ]


def fit(detector, X, y=None):
    return detector.fit(X, y)


def fitted(detectors, tables, stacked, y=None):
    backend = "stacked" if stacked else "sequential"
    with warnings.catch_warnings(), parallel_config(backend=backend, n_jobs=len(detectors)):
        warnings.simplefilter("ignore")  # for all threads; thirty steps are a short training
        return Parallel()(
            delayed(fit)(clone(detector), X, y)
            for detector, X in zip(detectors, tables, strict=True)
        )


@pytest.fixture
def sizes(monkeypatch):
    """Sizes of the stacks that are trained, by the number of their steps."""
    seen, update = [], _stacked.Stack._forward_and_backward

    def counted(stack, batches):
        losses = update(stack, batches)
        seen.append(len(losses))
        return losses

    monkeypatch.setattr(_stacked.Stack, "_forward_and_backward", counted)
    return seen


@every_stackable
def test_nets_of_a_stack_end_where_each_would_alone(name, X, sizes):
    detectors, tables = candidates(name), [X] * 4
    alone = fitted(detectors, tables, stacked=False, y=some_labels(X))
    assert sizes == []
    together = fitted(detectors, tables, stacked=True, y=some_labels(X))
    assert sizes.count(4) >= 30
    for one, other in zip(alone, together, strict=True):
        scores = one.score_samples(X), other.score_samples(X)
        assert spearmanr(*scores).statistic >= 0.9999
        assert one.n_iter_ == other.n_iter_
        assert_allclose(other.history_["train_loss"], one.history_["train_loss"], rtol=1e-3)


def test_nets_of_a_stack_may_differ_in_dropout(X, sizes):
    detectors = [
        small("AutoEncoder", random_state=i, max_epochs=30, max_steps=30, dropout=share)
        for i, share in enumerate((0.1, 0.2, 0.3, 0.5))
    ]
    alone, together = (fitted(detectors, [X] * 4, stacked=s) for s in (False, True))
    assert sizes.count(4) >= 30
    for one, other in zip(alone, together, strict=True):
        assert_allclose(other.score_samples(X), one.score_samples(X), rtol=1e-3)


@pytest.mark.parametrize(
    ("optimizer", "more"),
    [
        *[(name, {}) for name in ("adam", "adamw", "rmsprop")],
        ("adam", {"optimizer__decoupled_weight_decay": True}),
        ("sgd", {"optimizer__momentum": 0.5}),
        ("sgd", {"optimizer__maximize": True, "max_epochs": 1}),
    ],
)
def test_rates_and_weight_decays_differ_under_each_optimizer(optimizer, more, X, sizes):
    settings = [(1e-2, 0.0), (1e-3, 0.5), (3e-3, 0.0), (1e-2, 0.1)]
    more = {"net_params": {"max_epochs": 5} | more, "optimizer": optimizer}
    detectors = [small("AutoEncoder", lr=lr, weight_decay=w, **more) for lr, w in settings]
    alone, together = (fitted(detectors, [X] * 4, stacked=s) for s in (False, True))
    assert set(sizes) == {4}
    for one, other in zip(alone, together, strict=True):
        assert_allclose(other.score_samples(X), one.score_samples(X), rtol=1e-2)


@pytest.mark.parametrize("name", ["VAE", "DeepSVDD"])
def test_no_net_of_a_stack_changes_with_anothers_data_or_numbers(name, X):
    detectors = candidates(name)
    first = fitted(detectors, [X] * 4, stacked=True)
    parameter = NUMBERS[name][0]
    others = [
        detectors[0],
        *(clone(d).set_params(random_state=9, **{parameter: 0.15}) for d in detectors[1:]),
    ]
    second = fitted(others, [X, 3 * X, X[::-1] ** 3, X + 1], stacked=True)
    assert_allclose(second[0].score_samples(X), first[0].score_samples(X), rtol=1e-4)


@pytest.mark.parametrize("name", ["AutoEncoder", "VAE", "DeepSVDD", "InvertibleResNet"])
def test_a_net_that_diverges_spoils_no_other(name, X, sizes):
    detectors = candidates(name)
    detectors[1].set_params(lr=1e30)
    tasks = [delayed(attempt)(clone(detector), X) for detector in detectors]
    alone = fitted([detectors[0], *detectors[2:]], [X] * 3, stacked=False)
    with parallel_config(backend="stacked", n_jobs=4), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, _, *others = Parallel()(tasks)
    assert 4 in sizes
    for one, other in zip(alone, [first, *others], strict=True):
        assert spearmanr(one.score_samples(X), other.score_samples(X)).statistic >= 0.9999


def attempt(detector, X):
    try:
        return detector.fit(X)
    except ValueError as error:
        return error


def test_a_search_has_the_same_bits_each_time(X):
    search = GridSearchCV(
        small("AutoEncoder"), {"lr": [1e-4, 1e-3, 1e-2]}, scoring=score, cv=3, refit=False
    )
    results = []
    with parallel_config(backend="stacked", n_jobs=5):
        for _ in range(4):
            results.append(clone(search).fit(X).cv_results_["mean_test_score"])
    assert_array_equal(results, [results[0]] * 4)


def test_a_net_waits_for_its_turn_before_and_after_its_training_alone(X, monkeypatch):
    turns, take_turn = [], _meeting.Meeting.take_turn
    monkeypatch.setattr(
        _meeting.Meeting, "take_turn", lambda self: (turns.append(1), take_turn(self))
    )
    fitted(candidates("AutoEncoder"), [X] * 4, stacked=True)
    assert len(turns) == 8


def test_a_net_is_its_own_again_afterwards(X, sizes):
    detectors, tables = candidates("AutoEncoder"), [X] * 4
    alone, together = (fitted(detectors, tables, stacked=s) for s in (False, True))
    assert sizes
    assert len(pickle.dumps(together[0])) == pytest.approx(len(pickle.dumps(alone[0])), rel=0.05)
    for one, other in zip(alone, together, strict=True):
        assert "_train_on" not in vars(other.net_)
        steps = [state["step"] for state in other.net_.optimizer_.state.values()]
        assert {float(step) for step in steps} == {30.0}
        assert_allclose(
            other.partial_fit(X).score_samples(X), one.partial_fit(X).score_samples(X), rtol=1e-3
        )


def test_a_net_that_stops_leaves_the_others(X, sizes):
    # One number, the variance of the gaussian likelihood, has the shape of a count of steps.
    callbacks = [StopsAfter(5), StopsAfter(20), StopsAfter(20), StopsAfter(9)]
    detectors = [
        small("VAE", likelihood="gaussian", max_epochs=20, random_state=i) for i in range(4)
    ]
    tables, results = [X] * 4, []
    for stacked in (False, True):
        fits = [clone(d).fit(X[:10]) for d in detectors]
        backend = "stacked" if stacked else "sequential"
        with parallel_config(backend=backend, n_jobs=4):
            results.append(
                Parallel()(
                    delayed(train)(d.net_, d._scale(rows), stop)
                    for d, rows, stop in zip(fits, tables, callbacks, strict=True)
                )
            )
    assert set(sizes) == {4, 3, 2}
    for one, other in zip(*results, strict=True):
        assert len(one.history) == len(other.history)
        for a, b in zip(one.module_.parameters(), other.module_.parameters(), strict=True):
            assert_allclose(a.detach(), b.detach(), atol=1e-3)


class StopsAfter:
    def __init__(self, n):
        self.n = n

    def __call__(self, net):
        return len(net.history) >= self.n


def train(net, X, stop):
    net.initialize()
    Run("net", 20)(net, torch.as_tensor(X), update=stop)
    return net


def test_infinite_losses_that_are_left_out_are_nothing():
    losses = torch.tensor([[1.0, 2.0, 3.0, torch.inf]])
    net = SimpleNamespace(trim=0.25, step_=1, trim_from_=0)
    assert _stacked.reduced(losses, [net], None).tolist() == [2.0]


class Remembers(nn.Linear):
    """A user's layer that keeps what it has seen in another tensor each time."""

    def __init__(self, *args):
        super().__init__(*args)
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, x):
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean().detach()
        return super().forward(x)


class OfUser(MLPBackbone):
    def make_encoder(self, n_in, n_out, bias=True):
        return nn.Sequential(Remembers(n_in, n_out))


class Drawing(MLPBackbone):
    """An encoder that draws from torch's global generator."""

    def make_encoder(self, n_in, n_out, bias=True):
        return nn.Sequential(super().make_encoder(n_in, n_out, bias=bias), nn.RReLU())


def test_modules_that_are_not_known_train_alone(X, sizes):
    backbones = [backbone((8,)) for backbone in (OfUser, OfUser, Drawing, Drawing)]
    detectors = [small("AutoEncoder", backbone=backbone) for backbone in backbones]
    together = fitted(detectors, [X] * 4, stacked=True)
    assert sizes == []
    assert together[0].net_.module_.encoder[0][0].mean != 0


def test_nets_stop_early_each_at_its_time_with_its_best_weights(X, sizes):
    more = {"early_stopping": True, "n_iter_no_change": 2, "max_epochs": 60, "max_steps": None}
    detectors = [small("AutoEncoder", lr=lr, **more) for lr in (1e-3, 0.01, 0.03)]
    alone, together = (fitted(detectors, [X] * 3, stacked=s) for s in (False, True))
    assert {2, 3} <= set(sizes)
    assert len({detector.n_iter_ for detector in alone}) == 3
    for one, other in zip(alone, together, strict=True):
        assert one.n_iter_ == other.n_iter_
        assert_allclose(other.history_["valid_loss"], one.history_["valid_loss"], rtol=1e-3)
        assert_allclose(other.score_samples(X), one.score_samples(X), rtol=1e-2)
        [stopping] = [c for _, c in other.net_.callbacks_]
        own = stopping.best_model_weights_ or {}
        assert all(w.untyped_storage().nbytes() == w.nbytes for w in own.values())


def test_a_pool_that_is_smaller_than_its_jobs_is_not_waited_for(X, monkeypatch):
    monkeypatch.setattr(_meeting, "PATIENCE", 0.2)
    detectors = [small("AutoEncoder", random_state=i) for i in range(4)]
    with parallel_config(backend="stacked"), Parallel(n_jobs=2) as pool:
        pool(delayed(fit)(d, X) for d in detectors[:2])
        assert len(Parallel(n_jobs=4)(delayed(fit)(clone(d), X) for d in detectors)) == 4


def test_unlike_nets_train_by_themselves(X, sizes):
    detectors = [
        small("AutoEncoder", hidden_layer_sizes=(5,)),
        small("AutoEncoder", hidden_layer_sizes=(6,)),
        small("AutoEncoder", callbacks=[Listens()]),
        small("AutoEncoder", callbacks=[Listens()]),
        small("WAE", divergence="gan"),
        small("WAE", divergence="gan"),
    ]
    alone, together = (fitted(detectors, [X] * 6, stacked=s) for s in (False, True))
    assert sizes == []
    for one, other in zip(alone, together, strict=True):
        assert_array_equal(one.score_samples(X), other.score_samples(X))


class Listens(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


def test_what_has_no_common_step_trains_alone_with_the_bits_of_alone(X, sizes, monkeypatch):
    loss = VAEModule.loss

    def loss_that_asks_for_a_number(self, x):
        return loss(self, x) * (1.0 if x.max() > 0 else 2.0)

    monkeypatch.setattr(VAEModule, "loss", loss_that_asks_for_a_number)
    detectors = [small("VAE", random_state=i, max_epochs=2) for i in range(2)]
    alone, together = (fitted(detectors, [X] * 2, stacked=s) for s in (False, True))
    assert sizes == []
    for one, other in zip(alone, together, strict=True):
        assert_array_equal(one.score_samples(X), other.score_samples(X))


class Tied(MLPBackbone):
    """An encoder of which two layers have one weight."""

    def make_encoder(self, n_in, n_out, bias=True):
        first, second = nn.Linear(8, 8), nn.Linear(8, 8)
        second.weight = first.weight
        return nn.Sequential(nn.Linear(n_in, 8), nn.GELU(), first, nn.GELU(), second, nn.GELU())


class Hooked(MLPBackbone):
    def make_encoder(self, n_in, n_out, bias=True):
        encoder = super().make_encoder(n_in, n_out, bias=bias)
        encoder[0].weight.register_hook(torch.zeros_like)
        return encoder


class Changed(MLPBackbone):
    """An encoder with a forward pass of its own."""

    def make_encoder(self, n_in, n_out, bias=True):
        encoder = super().make_encoder(n_in, n_out, bias=bias)
        forward = encoder.forward
        encoder.forward = lambda x: forward(x.abs())
        return encoder


def of_part(pattern):
    return {"net_params": {"optimizer__param_groups": [(pattern, {"lr": 0.0})]}}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (of_part("*encoder*"), of_part("*decoder*")),
        tuple({"net_params": {"optimizer__betas": (b, 0.99)}} for b in (0.5, 0.9)),
        ({"max_epochs": 2}, {"max_epochs": 3}),
        ({"activation": "relu"}, {"activation": "tanh"}),
        *[({"backbone": backbone((8,))},) * 2 for backbone in (Tied, Hooked, Changed)],
    ],
    ids=["groups", "betas", "epochs", "activation", "tied", "hooked", "changed"],
)
def test_nets_that_differ_in_more_than_numbers_train_alone(first, second, X, sizes):
    more = {"n_latent": 8} if "backbone" in first else {"hidden_layer_sizes": (8, 8, 8)}
    detectors = [small("AutoEncoder", **more | numbers) for numbers in (first, second)]
    alone, together = (fitted(detectors, [X] * 2, stacked=s) for s in (False, True))
    assert sizes == []
    for one, other in zip(alone, together, strict=True):
        assert_array_equal(one.score_samples(X), other.score_samples(X))


def score(detector, X, y=None):
    return detector.score_samples(X).mean()


def test_searches_over_pipelines(X, sizes):
    rows = np.where(np.random.RandomState(0).rand(*X.shape) < 0.02, np.nan, X)
    pipe = make_pipeline(SimpleImputer(), StandardScaler(), small("AutoEncoder"))
    grid = GridSearchCV(pipe, {"autoencoder__lr": [1e-4, 1e-2]}, scoring=score, cv=3)
    drawn = RandomizedSearchCV(
        pipe, {"autoencoder__lr": loguniform(1e-4, 1e-1)}, n_iter=3, scoring=score, random_state=0
    )
    for search in (grid, drawn):
        alone = clone(search).fit(rows)
        with parallel_config(backend="stacked", n_jobs=-1):
            together = clone(search).fit(rows)
        assert max(sizes) > 1
        assert together.best_params_ == alone.best_params_
        assert_allclose(
            together.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"], rtol=1e-3
        )


@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite")
def test_a_candidate_that_raises_spoils_no_other(X):
    search = GridSearchCV(
        small("AutoEncoder"), {"noise": [0.0, -1.0, 0.1, 0.2]}, scoring=score, cv=2, refit=False
    )
    with (
        parallel_config(backend="stacked", n_jobs=8),
        pytest.warns(FitFailedWarning, match="2 fits failed"),
    ):
        results = search.fit(X).cv_results_["mean_test_score"]
    assert_array_equal(np.isfinite(results), [True, False, True, True])


def test_tasks_that_never_train_keep_nobody_waiting(X, sizes):
    detectors = [
        small("AutoEncoder"),
        IsolationForest(n_estimators=2),
        small("AutoEncoder", lr=0.1),
    ]
    results = fitted(detectors, [X] * 3, stacked=True)
    assert sizes
    assert len(results) == 3


class Boom(Exception):
    pass


def test_a_stop_reaches_all_tasks_and_leaves_no_thread(X, sizes, monkeypatch):
    monkeypatch.setattr(_meeting, "PATIENCE", 0.1)
    tasks = [delayed(fit)(small("AutoEncoder", max_epochs=10**6), X) for _ in range(3)]
    tasks.append(delayed(fit)(small("AAE", max_epochs=10**6), X))  # it trains alone
    tasks.append(delayed(fit)(small("AutoEncoder", max_epochs=10**6, callbacks=[Listens()]), X))
    before = threading.active_count()
    with parallel_config(backend="stacked", n_jobs=6), pytest.raises(Boom):
        Parallel()([*tasks, delayed(after_some_steps)(sizes)])
    for thread in threading.enumerate()[before:]:
        thread.join(timeout=20)
    assert threading.active_count() <= before


def after_some_steps(sizes):
    while sizes.count(3) < 5:
        time.sleep(0.01)
    raise Boom


def test_more_tasks_than_jobs_come_in_turns(X, sizes):
    detectors = [small("AutoEncoder", random_state=i) for i in range(7)]
    with parallel_config(backend="stacked", n_jobs=3):
        together = Parallel()(delayed(fit)(clone(d), X) for d in detectors)
    alone = [clone(d).fit(X) for d in detectors]
    assert max(sizes) <= 3
    for one, other in zip(alone, together, strict=True):
        assert_allclose(one.score_samples(X), other.score_samples(X), rtol=1e-4)


def test_ensembles_within_a_stack_train(X):
    ensemble = DetectorEnsemble(small("AutoEncoder"), n_estimators=3, random_state=0)
    expected = clone(ensemble).fit(X).score_samples(X)
    with parallel_config(backend="stacked", n_jobs=3):
        assert_allclose(clone(ensemble).fit(X).score_samples(X), expected, rtol=1e-4)
        nested = Parallel()(delayed(fit)(clone(ensemble), X) for _ in range(2))
    assert_allclose(nested[0].score_samples(X), expected, rtol=1e-4)


def test_a_pool_within_a_pool_that_stays_open_ends_alone(X):
    detectors = candidates("AutoEncoder")
    with parallel_config(backend="stacked", n_jobs=4), Parallel() as outer:
        first = outer(delayed(fit)(clone(d), X) for d in detectors)
        inner = Parallel()(delayed(fit)(clone(d), X) for d in detectors)
        last = outer(delayed(fit)(clone(d), X) for d in detectors)
    for fits in zip(first, inner, last, strict=True):
        scores = [detector.score_samples(X) for detector in fits]
        assert_array_equal(scores, [scores[0]] * 3)


def test_a_stack_has_the_settings_of_torch_of_any_fit(X):
    detectors = candidates("DeepSVDD")
    expected = fitted(detectors, [X] * 4, stacked=True)
    with torch.inference_mode():
        inside = fitted(detectors, [X] * 4, stacked=True)
    for one, other in zip(expected, inside, strict=True):
        assert_array_equal(one.score_samples(X), other.score_samples(X))


def test_defaults_of_deep_svdd_within_a_stack(X):
    detectors = [DeepSVDD(max_epochs=3, pretrain_epochs=2, random_state=i) for i in range(3)]
    alone, together = (fitted(detectors, [X] * 3, stacked=s) for s in (False, True))
    for one, other in zip(alone, together, strict=True):
        assert spearmanr(one.score_samples(X), other.score_samples(X)).statistic >= 0.999
