"""How a data set becomes a training and a test part, the same one for every detector."""

import math
import re
from functools import partial
from typing import NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler

from .._tables import lines_of

# ADBench's constants: sizes between which a set is left alone, share of test rows.
MIN_ROWS, MAX_ROWS = 1_000, 10_000
TEST_SIZE = 0.3
# DPLAN's: labelled anomalies, share of anomalies among the unlabelled rows, share of test rows.
N_LABELLED, CONTAMINATION, DPLAN_TEST_SIZE = 60, 0.02, 0.2


class Split(NamedTuple):
    """One split of a data set, scaled to [0, 1] by the training rows.

    Detectors see `X_train`, `X_test` and `y_train`: -1 a labelled anomaly, 1 a labelled normal row,
    0 an unlabelled row, or None where the protocol shows no labels. Detectors that ask have
    `n_answers` instead, from `truth`, the labels of all training rows. `y_test` (True = anomaly)
    and `known_test` (True = of a kind of which labels may be given; None where kinds are not told
    apart) are for the metrics alone. `twin_share` is the share of test rows that have an exact copy
    among the training rows.
    """

    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray | None
    y_test: np.ndarray
    known_test: np.ndarray | None
    twin_share: float
    truth: np.ndarray | None = None
    n_answers: int = 0


def find_protocol(name):
    """Protocol of a name: ``protocol(X, y, seed, known=None)`` returns a :class:`Split`."""
    answers = re.fullmatch(r"feedback-([1-9]\d*)", str(name))
    if answers:
        return partial(feedback, n_answers=int(answers[1]))
    percent = re.fullmatch(r"adbench-(\d+(?:\.\d+)?)%", str(name))
    if percent and 0 < float(percent[1]) <= 100:
        return partial(labelled_adbench, share=float(percent[1]) / 100)
    if name not in PROTOCOLS:
        raise ValueError(
            f"protocols={name!r} is unknown: pass some of {list(PROTOCOLS)}, a share of labelled "
            "anomalies, 'adbench-5%' or any other above 0 % and up to 100 %, or a number of "
            "answers, 'feedback-10' or any other"
        )
    return PROTOCOLS[name]


def adbench(X, y, seed, known=None):
    """Train on 70 % of the rows, anomalies among them, test on 30 %, draw for draw as ADBench.

    Fewer than 1,000 rows are drawn up to 1,000 with replacement, more than 10,000 down to 10,000;
    then a stratified 70/30 split. Anomalies stay in training. As rows are copied *before* the
    split, small sets leak into the test part: see `twin_share`.
    """
    train, test, _ = _adbench_rows(y, seed)
    return _split(X, y, known, train, test)


def labelled_adbench(X, y, seed, known=None, *, share):
    """Label a share of the training anomalies of ADBench's protocol, draw for draw.

    The split of :func:`adbench`; then a share of the training anomalies (of those that are known),
    rounded up, keep their label. All other rows stay without one, anomalies among them.
    """
    train, test, random_state = _adbench_rows(y, seed)
    candidates = np.flatnonzero(_may_be_labelled(y, known)[train])
    # In floating point, as ADBench has it: 5 % of 140 are 7.000000000000001, which makes 8.
    n_labelled = math.ceil(share * len(candidates))
    labelled = random_state.choice(candidates, n_labelled, replace=False)
    return _split(X, y, known, train, test, labelled)


def feedback(X, y, seed, known=None, *, n_answers):
    """Answer questions about some training rows of ADBench's protocol.

    The split of :func:`adbench`. A detector with ``query`` and ``teach`` asks about `n_answers`
    training rows. Others have as many labels, -1 or 1, of training rows drawn at random.
    """
    train, test, random_state = _adbench_rows(y, seed)
    truth = np.where(y[train], -1, 1)
    drawn = random_state.permutation(len(train))[:n_answers]
    labels = np.zeros(len(train), dtype=int)
    labels[drawn] = truth[drawn]
    split = _split(X, y, known, train, test)
    return split._replace(y_train=labels, truth=truth, n_answers=len(drawn))


def _adbench_rows(y, seed):
    """Training and test rows, and the stream that they were drawn from."""
    random_state = np.random.RandomState(seed)
    if len(y) < MIN_ROWS:
        rows = random_state.choice(np.arange(len(y)), MIN_ROWS, replace=True)
    elif len(y) > MAX_ROWS:
        rows = random_state.choice(np.arange(len(y)), MAX_ROWS, replace=False)
    else:
        rows = np.arange(len(y))
    # One stream for both draws, as one seeding of numpy's global state gives.
    train, test = train_test_split(
        rows, test_size=TEST_SIZE, stratify=y[rows], random_state=random_state
    )
    return train, test, random_state


def clean(X, y, seed, known=None):
    """Train on a random half of the normal rows, test on the other half and all anomalies."""
    normal = np.random.RandomState(seed).permutation(np.flatnonzero(~y))
    half = len(normal) // 2
    test = np.concatenate([normal[half:], np.flatnonzero(y)])
    return _split(X, y, known, normal[:half], test)


def leak_free(X, y, seed, known=None):
    """Split 70/30 so that no row has a twin on the other side, then resample training alone.

    Identical rows move together; the split is stratified by whether a group of them holds an
    anomaly. Training is brought to ADBench's sizes (700 to 7,000 rows); the test part is not
    resampled.
    """
    random_state = np.random.RandomState(seed)
    groups = row_ids(X)
    has_anomaly = np.bincount(groups, weights=y) > 0
    _, test_groups = train_test_split(
        np.arange(len(has_anomaly)),
        test_size=TEST_SIZE,
        stratify=has_anomaly,
        random_state=random_state,
    )
    in_test = np.isin(groups, test_groups)
    train, test = np.flatnonzero(~in_test), np.flatnonzero(in_test)
    at_least, at_most = (round(n * (1 - TEST_SIZE)) for n in (MIN_ROWS, MAX_ROWS))
    if len(train) < at_least:
        train = random_state.choice(train, at_least, replace=True)
    elif len(train) > at_most:
        train = random_state.choice(train, at_most, replace=False)
    return _split(X, y, known, train, test)


def dplan(X, y, seed, known=None):
    """DPLAN's protocol: 60 labelled anomalies, and unlabelled rows with 2 % of anomalies.

    A stratified 80/20 split. Of the training anomalies, 60 known ones are labelled (all of them,
    if there are fewer). Of the others, known or not, as many join the normal rows as make 2 % of
    the unlabelled rows (again all, if there are fewer); the rest is dropped.
    """
    random_state = np.random.RandomState(seed)
    may_be_labelled = _may_be_labelled(y, known)
    train, test = train_test_split(
        np.arange(len(y)),
        test_size=DPLAN_TEST_SIZE,
        stratify=y.astype(int) + may_be_labelled,  # in the same shares on both sides
        random_state=random_state,
    )
    anomalies = random_state.permutation(train[y[train]])
    labelled = anomalies[may_be_labelled[anomalies]][:N_LABELLED]
    others = anomalies[~np.isin(anomalies, labelled)]
    n_hidden = round(CONTAMINATION / (1 - CONTAMINATION) * (~y[train]).sum())
    train = train[~np.isin(train, others[n_hidden:])]
    return _split(X, y, known, train, test, np.isin(train, labelled))


PROTOCOLS = {"adbench": adbench, "clean": clean, "leak-free": leak_free, "dplan": dplan}


def row_ids(X):
    """Number the rows of `X` so that two rows share a number when they are identical."""
    return np.unique(lines_of(np.asarray(X, dtype=np.float64)), return_inverse=True)[1].ravel()


def _may_be_labelled(y, known):
    return y if known is None else y & known


def _split(X, y, known, train, test, labelled=None):
    """Scale the rows of both parts, and label the training rows of the given positions."""
    ids = row_ids(X[np.concatenate([train, test])])
    y_train = None
    if labelled is not None:
        y_train = np.zeros(len(train), dtype=int)
        y_train[labelled] = -1
    scaler = MinMaxScaler().fit(X[train])
    return Split(
        scaler.transform(X[train]),
        scaler.transform(X[test]),
        y_train,
        y[test],
        None if known is None else known[test],
        float(np.isin(ids[len(train) :], ids[: len(train)]).mean()),
    )
