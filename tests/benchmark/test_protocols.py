"""Splits are what the protocols say, and the same for the same seed."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from skdeepad.benchmark._protocols import (
    PROTOCOLS,
    adbench,
    clean,
    dplan,
    find_protocol,
    leak_free,
    row_ids,
)

ALL = [*PROTOCOLS.values(), find_protocol("adbench-10%")]


def data(n, n_anomalies=None, n_features=3):
    rng = np.random.default_rng(0)
    y = np.arange(n) < (n_anomalies or n // 10)
    return rng.normal(size=(n, n_features)) + 4 * y[:, None], y


@pytest.mark.parametrize("protocol", ALL)
def test_the_seed_decides_the_split(protocol):
    X, y = data(300)
    one, same, other = (protocol(X, y, seed) for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.X_test, other.X_test)


@pytest.mark.parametrize("protocol", ALL)
def test_training_rows_fill_the_unit_box(protocol):
    split = protocol(*data(300), 1)
    np.testing.assert_allclose(split.X_train.min(axis=0), 0)
    np.testing.assert_allclose(split.X_train.max(axis=0), 1)


@pytest.mark.parametrize(("n", "n_used"), [(129, 1000), (2000, 2000), (12_000, 10_000)])
def test_adbench_brings_sets_to_its_sizes(n, n_used):
    split = adbench(*data(n), 1)
    assert (len(split.X_train), len(split.X_test)) == (0.7 * n_used, 0.3 * n_used)
    assert len(split.y_test) == len(split.X_test)


@pytest.mark.parametrize("n", [129, 2000, 12_000])
def test_adbench_draws_as_from_the_global_state(n):
    X, y = data(n)
    state = np.random.get_state()
    np.random.seed(3)
    rows = np.arange(n)
    if n < 1000:
        rows = np.random.choice(np.arange(n), 1000, replace=True)
    elif n > 10_000:
        rows = np.random.choice(np.arange(n), 10_000, replace=False)
    *_, expected = train_test_split(X[rows], y[rows], test_size=0.3, stratify=y[rows])
    np.random.set_state(state)
    np.testing.assert_array_equal(adbench(X, y, 3).y_test, expected)


def test_clean_trains_on_half_of_the_normal_rows_and_tests_on_the_rest():
    X, y = data(301, n_anomalies=51)
    X[:, 0] = np.arange(301)
    split = clean(X, y, 1)
    assert (len(split.X_train), len(split.X_test), split.y_test.sum()) == (125, 176, 51)
    assert split.twin_share == 0


def test_twins_are_counted():
    X = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [-0.0, 1.0], [2.0, 3.0]])
    np.testing.assert_array_equal(row_ids(X)[[0, 1]], row_ids(X)[[3, 4]])
    assert len(np.unique(row_ids(X))) == 3


def test_twin_share_is_that_of_the_test_rows():
    y = np.arange(100) < 20
    X = np.arange(100.0)[:, None]
    X[~y] = -1.0  # every normal row is the same one; anomalies stay distinct
    split = clean(X, y, 1)
    assert split.twin_share == pytest.approx(40 / 60)


def test_adbench_leaks_on_small_sets_and_leak_free_does_not():
    X, y = data(150)
    assert adbench(X, y, 1).twin_share > 0.5
    assert leak_free(X, y, 1).twin_share == 0


def test_leak_free_keeps_copies_on_one_side_and_resamples_training_alone():
    X, y = data(400)
    X, y = np.concatenate([X, X[:100]]), np.concatenate([y, y[:100]])
    split = leak_free(X, y, 1)
    assert split.twin_share == 0
    assert len(split.X_train) == 700  # drawn up
    assert 100 <= len(split.X_test) <= 200  # a share of the 500, not drawn
    assert 0 < split.y_test.sum() < len(split.y_test)


def test_leak_free_draws_large_training_parts_down():
    split = leak_free(*data(15_000), 1)
    assert (len(split.X_train), len(split.X_test)) == (7000, 4500)


@pytest.mark.parametrize("protocol", [adbench, clean, leak_free])
def test_protocols_without_labels_show_none(protocol):
    assert protocol(*data(300), 1).y_train is None


@pytest.mark.parametrize(("n", "percent"), [(129, 1), (2000, 5), (2000, 10), (12_000, 100)])
def test_labels_are_drawn_after_the_split_from_the_same_stream(n, percent):
    X, y = data(n)
    state = np.random.get_state()
    np.random.seed(3)
    rows = np.arange(n)
    if n < 1000:
        rows = np.random.choice(np.arange(n), 1000, replace=True)
    elif n > 10_000:
        rows = np.random.choice(np.arange(n), 10_000, replace=False)
    _, _, y_train, _ = train_test_split(X[rows], y[rows], test_size=0.3, stratify=y[rows])
    anomalies = np.flatnonzero(y_train)
    n_labelled = int(np.ceil(percent / 100 * len(anomalies)))
    expected = np.random.choice(anomalies, n_labelled, replace=False)
    np.random.set_state(state)
    split = find_protocol(f"adbench-{percent}%")(X, y, 3)
    assert set(np.flatnonzero(split.y_train == -1)) == set(expected)
    assert set(split.y_train) <= {-1, 0}
    for part in ("X_train", "X_test", "y_test"):
        np.testing.assert_array_equal(getattr(split, part), getattr(adbench(X, y, 3), part))


@pytest.mark.parametrize("name", ["adbench-5%", "dplan"])
def test_labels_are_of_known_anomalies_only(name):
    X, y = data(2000)
    known = np.arange(2000) < 50
    X[:, 0] = np.where(known, 100.0, X[:, 0].clip(-9, 9))
    split = find_protocol(name)(X, y, 1, known)
    assert (split.y_train == -1).sum() == (2 if name == "adbench-5%" else 40)
    np.testing.assert_array_equal(split.X_train[split.y_train == -1, 0], 1.0)
    np.testing.assert_array_equal(split.known_test, split.X_test[:, 0] == 1.0)


def test_feedback_has_random_labels_of_both_kinds_and_the_truth_for_answers():
    X, y = data(2000)
    split = find_protocol("feedback-300")(X, y, 1)
    assert split.n_answers == (split.y_train != 0).sum() == 300
    labelled = split.y_train != 0
    np.testing.assert_array_equal(split.y_train[labelled], split.truth[labelled])
    assert {-1, 1} == set(split.y_train[labelled])
    assert abs((split.truth < 0).mean() - y.mean()) < 0.01
    np.testing.assert_array_equal(split.X_train, adbench(X, y, 1).X_train)
    assert find_protocol("feedback-9999")(X, y, 1).n_answers == 1400


@pytest.mark.parametrize("name", ["feedback-0", "feedback-", "feedback-1.5", "feedback"])
def test_a_wrong_number_of_answers_is_named(name):
    with pytest.raises(ValueError, match=f"protocols='{name}' is unknown"):
        find_protocol(name)


def test_dplan_labels_60_anomalies_and_hides_2_percent_among_the_normal_rows():
    X, y = data(3000)
    X[:, 0] = np.where(y, 1000.0, 0.0) + np.arange(3000) / 3000
    split = dplan(X, y, 1)
    assert (len(split.X_test), split.y_test.sum()) == (600, 60)
    is_anomaly = split.X_train[:, 0] > 0.5
    assert is_anomaly[split.y_train == -1].sum() == (split.y_train == -1).sum() == 60
    hidden = is_anomaly[split.y_train == 0]
    assert (len(hidden), hidden.sum()) == (2160 + 44, 44)
    assert hidden.mean() == pytest.approx(0.02, abs=1e-3)
    assert split.twin_share == 0  # no row is on both sides


def test_dplan_hides_anomalies_of_all_kinds():
    X, y = data(20_000)
    known = np.arange(20_000) < 400
    split = dplan(np.column_stack([X, y & known, y & ~known]), y, 1, known)
    of_known, of_novel = split.X_train[split.y_train == 0, -2:].sum(axis=0)
    assert of_known + of_novel == round(14_400 * 0.02 / 0.98)
    assert of_novel > of_known > 0


@pytest.mark.parametrize(("n_anomalies", "n_labelled", "n_hidden"), [(40, 32, 0), (80, 60, 4)])
def test_dplan_does_with_few_anomalies(n_anomalies, n_labelled, n_hidden):
    X, y = data(1000, n_anomalies)
    split = dplan(X, y, 1)
    assert (split.y_train == -1).sum() == n_labelled
    assert len(split.y_train) == 0.8 * (1000 - n_anomalies) + n_labelled + n_hidden


@pytest.mark.parametrize(
    "name", ["adbench-0%", "adbench-101%", "adbench-5", "adbench-x%", "adbench--5%", "clean-5%", 5]
)
def test_unknown_protocols_are_refused(name):
    with pytest.raises(ValueError, match=f"protocols={name!r} is unknown: pass some of .*5%"):
        find_protocol(name)


def test_any_percentage_is_a_protocol():
    X, y = data(2000)
    split = find_protocol("adbench-2.5%")(X, y, 1)
    assert (split.y_train == -1).sum() == 4  # of 140
