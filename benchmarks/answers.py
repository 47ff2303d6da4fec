"""What answers are worth: questions by several rules, and as many random labels for others.

Run ``SKDEEPAD_DATA=... python benchmarks/answers.py``: 70 % of the rows of each set are for
training, at most 3,000 of them. A simulated person answers questions about training rows in rounds
of ten, and the other 30 % of the rows, at most 20,000, are scored after ten, thirty and a hundred
answers. Detectors that learn from labels have as many answers about rows at random; "with a prior"
is such a detector as the model of a FeedbackDetector, with thirty labels. All differences are from
an isolation forest. The forests of coniferest, which ask about the head of their ranking, and
PyOD's XGBOD need ``pip install coniferest xgboost``.
"""

import warnings

import numpy as np
import pandas as pd
import torch
from _sets import CHECKING_ADBENCH, CHECKING_ODDBENCH, TUNING, data_of
from _study import keep_rows, make_parser, percents, require_data, rows_file, write_page
from joblib import Parallel, delayed
from sklearn.ensemble import IsolationForest
from sklearn.model_selection import train_test_split

from skdeepad import ADGM, DPLAN, REPEN, SDGM, DeepSAD, DevNet
from skdeepad.datasets import fetch_adbench
from skdeepad.feedback import FeedbackDetector

KINDS = {
    "tuning": TUNING,
    "checking-adbench": CHECKING_ADBENCH,
    "checking-oddbench": CHECKING_ODDBENCH,
}
BUDGETS, ROUND = (10, 30, 100), 10
MAX_ROWS, MAX_TEST_ROWS = 3000, 20_000
# Exponents of the chance of a question in the rank; None is the rule of FeedbackDetector.
RULES = {"FeedbackDetector": None, "by rank": 1.0, "at random": 0.0, "the head": 50.0}
LABELLED = {cls.__name__: cls for cls in (DeepSAD, DevNet, REPEN, ADGM, SDGM, DPLAN)}
FORESTS = ("AADForest", "PineForest")
# These have ten and a hundred labels, too; the other ones thirty alone.
CHEAP = ("DeepSAD", "DevNet", "XGBOD")
WITH_PRIOR = ", with a prior"
OTHERS = [*LABELLED, *(name + WITH_PRIOR for name in LABELLED), "XGBOD", *FORESTS]
GROUPS = {"all": (0, 1), "at most 5 % anomalies": (0, 0.05), "5 to 15 %": (0.05, 0.15)}
GROUPS |= {"more than 15 %": (0.15, 1)}


class ByRule(FeedbackDetector):
    """A detector whose questions have a fixed exponent."""

    exponent = 0.0

    def _exponent(self):
        return self.exponent


def load(name):
    """Rows and labels, 1 for an anomaly."""
    data = data_of([name])[name]
    if data == name:
        return fetch_adbench(name, return_X_y=True)
    with np.load(data) as arrays:
        return arrays["X"].astype(float), arrays["y"].astype(int)


def answered(rule, seed, X, y, X_test, y_test):
    """Values before the first answer and after each budget of questions by a rule."""
    detector = (FeedbackDetector if rule is None else ByRule)(random_state=seed).fit(X)
    detector.exponent = rule
    found = {0: percents(y_test, detector.score_samples(X_test))}
    for budget in range(ROUND, max(BUDGETS) + 1, ROUND):
        rows = detector.query(ROUND)
        detector.teach(rows, np.where(y[rows] == 1, -1, 1))
        if budget in BUDGETS:
            found[budget] = percents(y_test, detector.score_samples(X_test))
    return found


def asked_of_forest(name, seed, X, y, X_test, y_test):
    """Values of a forest of coniferest, which asks about the head of its ranking."""
    from coniferest.aadforest import AADForest
    from coniferest.pineforest import PineForest

    forest = {"AADForest": AADForest, "PineForest": PineForest}[name](n_jobs=1, random_seed=seed)
    X, X_test = np.ascontiguousarray(X), np.ascontiguousarray(X_test)
    forest.fit(X)
    found, asked = {0: percents(y_test, forest.score_samples(X_test))}, np.empty(0, dtype=int)
    for budget in range(ROUND, max(BUDGETS) + 1, ROUND):
        order = np.argsort(forest.score_samples(X), kind="stable")
        asked = np.r_[asked, order[~np.isin(order, asked)][:ROUND]]
        forest.fit_known(X, X[asked], np.where(y[asked] == 1, -1, 1))
        if budget in BUDGETS:
            found[budget] = percents(y_test, forest.score_samples(X_test))
    return found


def labelled(name, seed, budgets, X, y, X_test, y_test):
    """Values of a detector that learns from labels of rows at random."""
    order, found = np.random.RandomState(seed).permutation(len(X)), {}
    for budget in budgets:
        known = np.zeros(len(X), dtype=int)
        known[order[:budget]] = np.where(y[order[:budget]] == 1, -1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # no anomaly is known, or XGBOD has labels
            scores = scores_of(name, seed, X, known, X_test)
        found[budget] = percents(y_test, scores)
    return found


def scores_of(name, seed, X, known, X_test):
    """Scores of a detector that learned from known signs."""
    if name in LABELLED:
        return LABELLED[name](random_state=seed).fit(X, known).score_samples(X_test)
    if name.endswith(WITH_PRIOR):
        model = LABELLED[name.removesuffix(WITH_PRIOR)]()
        detector = FeedbackDetector(model=model, random_state=seed)
        return detector.fit(X, known).score_samples(X_test)
    from pyod.models.xgbod import XGBOD

    if not (known < 0).any():  # it can't be trained
        return IsolationForest(random_state=seed).fit(X).score_samples(X_test)
    detector = XGBOD(random_state=seed, n_jobs=1).fit(X, (known < 0).astype(int))
    return -detector.decision_function(X_test)


def study(name, seed, rules, others):
    torch.set_num_threads(1)
    X, y = load(name)
    X, X_test, y, y_test = train_test_split(X, y, train_size=0.7, stratify=y, random_state=seed)
    chosen = np.random.RandomState(seed).permutation(len(X))[:MAX_ROWS]
    scored = np.random.RandomState(seed).permutation(len(X_test))[:MAX_TEST_ROWS]
    parts = X[chosen], y[chosen], X_test[scored], y_test[scored]
    forest = IsolationForest(random_state=seed).fit(parts[0])
    reference = percents(parts[3], forest.score_samples(parts[2]))
    found = {rule: answered(RULES[rule], seed, *parts) for rule in rules}
    for other in others:
        if other in FORESTS:
            found[other] = asked_of_forest(other, seed, *parts)
        else:
            found[other] = labelled(other, seed, BUDGETS if other in CHEAP else (30,), *parts)
    return [
        {"set": name, "seed": seed, "share": y.mean(), "who": who, "answers": budget}
        | {"AUCROC": each[0] - reference[0], "AUCPR": each[1] - reference[1]}
        for who, budgets in found.items()
        for budget, each in budgets.items()
    ]


def table(rows):
    """Mean differences from isolation forest, AUCROC / AUCPR, by the number of answers."""
    means = rows.groupby(["who", "answers"], sort=False)[["AUCROC", "AUCPR"]].mean()
    cells = means.apply(lambda row: f"{row['AUCROC']:+.1f} / {row['AUCPR']:+.1f}", axis=1)
    return cells.unstack("answers").fillna("–").to_markdown()


def finished(sets, options, path):
    """Rows of all data sets and seeds, of which those of an interrupted run are read."""
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["set", "seed"])
    done = set(zip(rows["set"], rows["seed"], strict=True))
    tasks = [(name, seed) for name in sets for seed in options.seeds]
    parallel = Parallel(options.n_jobs, return_as="generator_unordered", verbose=1)
    for part in parallel(
        delayed(study)(*task, options.rules, options.others) for task in tasks if task not in done
    ):
        rows = pd.concat([rows, pd.DataFrame(part)])
        keep_rows(rows, path)
    chosen = rows["set"].isin(sets) & rows["seed"].isin(options.seeds)
    return rows[chosen].astype({"answers": int})


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2])
    parser.add_argument("--kinds", nargs="+", default=["tuning"], choices=list(KINDS))
    parser.add_argument("--rules", nargs="*", default=list(RULES), choices=list(RULES))
    parser.add_argument("--others", nargs="*", default=OTHERS, choices=OTHERS)
    options = parser.parse_args()
    sets = [name for kind in options.kinds for name in KINDS[kind]]
    require_data(*sets)
    rows = finished(sets, options, rows_file(options.output))
    sections = []
    members = {kind: KINDS[kind] for kind in options.kinds}
    if len(members) > 1:
        members = {"all kinds": sets, **members}
    for kind, names in members.items():
        of_kind = rows[rows["set"].isin(names)]
        for group, (low, high) in GROUPS.items():
            part = of_kind[(of_kind["share"] > low) & (of_kind["share"] <= high)]
            if len(part):
                sections += [f"## {kind}, {group} ({part['set'].nunique()} sets)", table(part)]
    write_page(
        options.output,
        "Answers",
        f"mean differences from an isolation forest, AUCROC / AUCPR in points, seeds "
        f"{' '.join(map(str, options.seeds))}, by the number of answers. Detectors other than the "
        "four rules of questions and coniferest's forests have labels of as many rows at random.",
        *sections,
        sets=sets,
        part="" if options.kinds == ["tuning"] else "-checking",
    )


if __name__ == "__main__":
    main()
