"""The table of classes left out: who is trained on what, and told from what."""

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import IsolationForest
from sklearn.svm import OneClassSVM

from skdeepad import BDSGM
from skdeepad.model_selection import StrongAnomalySampler, leave_one_class_out

KINDS = ["left_out_class", "strong", "adversarial", "weak"]


class Shells(BaseEstimator):
    """Stands in for the sampler: anomalies of each kind at a distance of their own."""

    radii = {"strong": 4.0, "adversarial": 3.0, "weak": 30.0}

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X):
        self.n_features_ = X.shape[1]
        return self

    def sample(self, n_samples, kind, random_state):
        rows = np.random.RandomState(random_state).randn(n_samples, self.n_features_)
        return self.radii[kind] * rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Radius(BaseEstimator):
    """Scores by the distance from 0, as far as ``sight`` goes, and keeps its training rows."""

    def __init__(self, sight=np.inf):
        self.sight = sight

    def fit(self, X):
        self.X_ = X
        Radius.seen = [*getattr(Radius, "seen", []), X]
        return self

    def score_samples(self, X):
        return -(np.linalg.norm(X, axis=1) // self.sight)


@pytest.fixture(scope="module")
def data():
    """Two normal classes at 0, and a third one, of half as many rows, at a distance of 10."""
    rng = np.random.RandomState(0)
    X = np.r_[rng.randn(200, 2), rng.randn(50, 2) + [10, 0]]
    return X, np.repeat(["a", "b", "c"], [100, 100, 50])


def test_each_class_is_left_out_in_turn(data):
    table = leave_one_class_out(
        IsolationForest(n_estimators=5), *data, sampler=Shells(), random_state=0
    )
    columns = ["left_out", "detector", "n_train", "n_test", *KINDS]
    assert table.columns.tolist() == columns
    assert table["left_out"].tolist() == ["a", "b", "c"]
    assert set(table["detector"]) == {"IsolationForest"}
    assert table["n_train"].tolist() == [112, 112, 150]
    assert table["n_test"].tolist() == [38, 38, 50]


def test_no_detector_sees_the_class_left_out_nor_the_rows_held_out(data, monkeypatch):
    X, classes = data
    kept = X.copy()
    monkeypatch.setattr(Radius, "seen", [], raising=False)
    leave_one_class_out(
        Radius(1), X, classes, left_out="c", test_size=20, sampler=Shells(), random_state=0
    )
    (seen,) = Radius.seen
    assert len(seen) == len(np.unique(seen, axis=0)) == 180
    assert np.isin(seen[:, 0], X[classes != "c", 0]).all()
    np.testing.assert_array_equal(X, kept)


def test_a_detector_may_know_weak_anomalies_and_not_strong_ones(data):
    table = leave_one_class_out(
        {"near": Radius(1), "far": Radius(6)},
        *data,
        left_out=["c"],
        sampler=Shells(),
        random_state=0,
    ).set_index("detector")
    assert table.loc["far", ["left_out_class", "weak"]].min() == pytest.approx(1)
    assert table.loc["far", ["strong", "adversarial"]].max() == pytest.approx(0.5)
    assert table.loc["near", KINDS].min() > 0.9


def test_detectors_of_a_dict_meet_the_same_rows_and_anomalies(data):
    table = leave_one_class_out(
        {"one": Radius(1), "two": Radius(1)}, *data, sampler=Shells(), random_state=0
    )
    assert table["detector"].tolist() == ["one", "two"] * 3
    one, two = (table.loc[table["detector"] == name, KINDS] for name in ("one", "two"))
    np.testing.assert_array_equal(one, two)


def test_labels_of_normal_rows_and_anomalies_give_one_row(data):
    X, classes = data
    table = leave_one_class_out(
        Radius(1), X, classes == "c", left_out=True, sampler=Shells(), random_state=0
    )
    assert table["n_train"].tolist() == [150]
    assert table["left_out_class"].item() == pytest.approx(1)


def test_the_sampler_sees_the_training_rows_alone_and_keeps_out_what_is_normal(data):
    sampler = StrongAnomalySampler(BDSGM(density="gaussian", generator_steps=200))
    options = {"left_out": "c", "sampler": sampler, "n_samples": 300, "random_state": 0}
    table = leave_one_class_out(Radius(0.01), *data, **options)
    assert table["weak"].item() > table["strong"].item() > 0.9
    moved = data[0] + np.where(data[1] == "c", 1e3, 0)[:, None]
    pd.testing.assert_frame_equal(
        table, leave_one_class_out(Radius(0.01), moved, data[1], **options)
    )
    assert not hasattr(sampler, "boundary_")


def test_the_seed_decides_for_any_number_of_jobs(data):
    detectors = {"forest": IsolationForest(n_estimators=5), "svm": OneClassSVM()}
    with joblib.parallel_config("threading"):
        first, again, other, parallel = (
            leave_one_class_out(
                detectors, *data, sampler=Shells(), random_state=seed, n_jobs=n_jobs
            )
            for seed, n_jobs in [(0, None), (0, 1), (1, None), (0, 2)]
        )
    pd.testing.assert_frame_equal(first, again)
    pd.testing.assert_frame_equal(first, parallel)
    assert not np.allclose(first[KINDS], other[KINDS])


def test_the_detectors_have_another_seed_than_the_sampler(data, monkeypatch):
    seeds, fit = [], BDSGM.fit

    def fit_and_keep_the_seed(self, X, y=None):
        seeds.append(self.random_state)
        return fit(self, X, y)

    monkeypatch.setattr(BDSGM, "fit", fit_and_keep_the_seed)
    boundary = BDSGM(density="gaussian", generator_steps=100)
    detectors = {"one": boundary, "same": boundary}
    sampler = StrongAnomalySampler(boundary)
    leave_one_class_out(detectors, *data, left_out=["a", "c"], sampler=sampler, random_state=0)
    of_samplers, of_detectors = seeds[:2], seeds[2:]
    assert of_detectors[0::2] == of_detectors[1::2]
    assert len(set(of_samplers + of_detectors)) == 4


def test_a_frame_stays_a_frame(data, recwarn):
    X, classes = pd.DataFrame(data[0], columns=["x", "y"]), pd.Series(data[1], index=range(9, 259))
    svm = OneClassSVM()
    framed = leave_one_class_out(svm, X, classes, sampler=Shells(), random_state=0)
    plain = leave_one_class_out(svm, *data, sampler=Shells(), random_state=0)
    pd.testing.assert_frame_equal(framed, plain)
    assert [str(w.message) for w in recwarn if "feature names" in str(w.message)] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"left_out": "z"}, r"left_out='z' must be one or several of \['a', 'b', 'c'\]"),
        ({"left_out": []}, r"left_out=\[\] must be one or several of"),
        ({"classes": ["a"] * 250}, r"at least two values, got \['a'\] only"),
        ({"classes": ["a", "b"]}, "inconsistent numbers of samples"),
        ({"classes": ["a", None] * 125}, "classes must have a value for each row"),
        ({"classes": [0, np.nan] * 125}, "classes must have a value for each row"),
        ({"n_samples": 0, "left_out": "c"}, "n_samples=0 must be an integer"),
        ({"detector": {}}, r"detector=\{\} must be a detector, or a dictionary"),
        ({"detector": [Radius()]}, r"detector=\[Radius\(\)\] must be a detector"),
    ],
)
def test_a_wrong_argument_is_named(data, arguments, message):
    X, classes = data
    sampler = StrongAnomalySampler(BDSGM(density="gaussian", generator_steps=5))
    given = {"detector": Radius(), "classes": classes, "sampler": sampler} | arguments
    with pytest.raises(ValueError, match=message):
        leave_one_class_out(X=X, **given)


def test_a_class_without_which_too_little_is_left_is_named():
    X, classes = np.ones((60, 2)), np.repeat(["a", "b"], [59, 1])
    with pytest.raises(ValueError, match="Without the class 'a' there are 1 rows, which test_size"):
        leave_one_class_out(IsolationForest(), X, classes, sampler=Shells())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": np.ma.masked_equal([0, 1, 2] * 20, 2)}, "classes has masked cells"),
        ({"classes": [0, "a", 2] * 20}, "classes must be of one type"),
        ({"left_out": "1"}, "left_out='1' must be one or several of"),
        ({"sampler": 5}, "sampler=5 must be a StrongAnomalySampler"),
        ({"test_size": "a"}, "test_size='a' must be a share"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_wrong_is_named(wrong, message):
    X = np.random.RandomState(0).randn(60, 2)
    classes = wrong.get("classes", np.arange(60) % 12)
    others = {name: value for name, value in wrong.items() if name != "classes"}
    with pytest.raises(ValueError, match=message):
        leave_one_class_out(IsolationForest(), X, classes, **others)
