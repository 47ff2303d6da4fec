"""Result rows condensed: one value per data set, then means, ranks and wins."""

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from scipy.stats import bootstrap, wilcoxon

from ._execute import COSTS, KEY, OUTCOME, SIZES

LEAKY = 0.05  # share of test rows with a twin in training above which a data set is marked
MARK = "†"
# Fewest data sets and detectors that a test of the differences is made for.
FEWEST_DATASETS, FEWEST_DETECTORS = 5, 3
MEANS = ("mean", "median", "mean_leak_free", "difference", "difference_leak_free")
COST_COLUMNS = ("fit_time", "score_time", "peak_memory_mb")


def metric_names(results):
    """Columns of result rows that are metrics: those of numbers that have no other meaning."""
    others = (*KEY, *SIZES, *COSTS, *OUTCOME)
    return [name for name in results if name not in others and is_numeric_dtype(results[name])]


def leaky_datasets(results):
    """Names of the data sets whose test rows have, on average over seeds, many twins in train."""
    share = results.groupby("dataset")["twin_share"].mean()
    return list(share.index[share > LEAKY])


def by_dataset(results, metric="roc_auc", protocol=None):
    """Mean over seeds of a metric, data sets in rows and detectors in columns.

    Parameters
    ----------
    results : DataFrame
        Rows of :func:`run_benchmark`.
    metric : str, default="roc_auc"
        Column of `results`.
    protocol : str, default=None
        Needed where `results` holds more than one.

    Returns
    -------
    table : DataFrame of shape (n_datasets, n_detectors)
        NaN where no run of a detector succeeded.
    """
    rows = _one_protocol(results, protocol)
    if metric not in metric_names(rows):
        raise ValueError(f"metric={metric!r} is no metric of these results: {metric_names(rows)}")
    order = {name: list(dict.fromkeys(rows[name])) for name in ("dataset", "detector")}
    means = rows.groupby(["dataset", "detector"])[metric].mean().unstack()
    return means.reindex(index=order["dataset"], columns=order["detector"])


def summarize(results, metric="roc_auc", protocol=None, failures="worst", reference=None):
    """Compare detectors over all data sets: mean, mean rank and wins.

    Parameters
    ----------
    results : DataFrame
        Rows of :func:`run_benchmark`.
    metric : str, default="roc_auc"
        Column of `results`; higher is better.
    protocol : str, default=None
        Needed where `results` holds more than one.
    failures : {"worst", "drop", "ignore"}, default="worst"
        How a data set counts of which a detector finished no run. With ``"worst"``, it has the
        least value that any detector reached on it, as it has the last rank: to fail on what is
        hard does not pay. With ``"drop"``, the data set is left out for all detectors. With
        ``"ignore"``, means are over the data sets that a detector finished, and must not be
        compared where these differ; differences are over those that both detectors finished.
    reference : str, default=None
        Label of a detector in `results` that all are compared with, in further columns.

    Returns
    -------
    summary : DataFrame
        One row for each detector, the best mean rank first:

        - ``mean`` and ``median`` of the metric over the data sets; NaN for a detector that
          finished none;
        - ``mean_leak_free``, the mean without leaky data sets: those where more than 5 % of the
          test rows have an exact copy in training. All sets that ADBench's protocol resamples to
          1,000 rows are among them;
        - ``mean_rank``, where 1 is best, ties share their mean rank, and a detector is last on
          a data set that it did not finish;
        - ``wins``, the number of data sets on which no detector is better;
        - ``n_datasets`` it finished, and ``n_failed`` runs;
        - medians of ``fit_time`` and ``score_time`` in seconds and ``peak_memory_mb``.

        With a reference, also, of the metric's differences from it, one for each data set:

        - ``difference``, their mean, with ``difference_low`` and ``difference_high``, its 95 %
          interval by the percentile bootstrap over data sets; NaN for a single one;
        - ``difference_leak_free``, the mean without leaky data sets;
        - ``won``, the number of data sets on which the detector is above the reference. A tie
          counts as a half; a set that the detector did not finish is lost, or tied if the
          reference did not finish it either;
        - ``p_value`` of the two-sided Wilcoxon signed-rank test, without the data sets on which
          both are equal, and not corrected for the number of detectors; NaN for a single data
          set, or if both are equal on all.
    """
    rows = _one_protocol(results, protocol)
    table = by_dataset(rows, metric)
    if reference is not None and reference not in table:
        raise ValueError(f"reference={reference!r} is no detector of these results: {list(table)}")
    n_datasets = table.notna().sum()
    if failures == "drop":
        table = table.dropna()
    values = count_failures(table, failures)
    leaky = values.index.isin(leaky_datasets(rows))
    ranks = table.rank(axis=1, ascending=False, na_option="bottom")
    runs = rows.groupby("detector")
    columns = {
        "mean": values.mean(),
        "median": values.median(),
        "mean_leak_free": values[~leaky].mean(),
        "mean_rank": ranks.mean(),
        "wins": table.eq(table.max(axis=1), axis=0).sum(),
    }
    if reference is not None:
        columns |= _compare(values, ranks, leaky, reference)
    columns |= {
        "n_datasets": n_datasets,
        "n_failed": runs["status"].agg(lambda status: (status != "ok").sum()),
    }
    columns |= {name: runs[name].median() for name in COST_COLUMNS}
    summary = pd.DataFrame(columns).rename_axis("detector")
    return summary.sort_values(["mean_rank", "mean"], ascending=[True, False])


def count_failures(table, failures):
    """A table by data set with values for what was not finished, as `summarize` tells."""
    if failures not in ("worst", "drop", "ignore"):
        raise ValueError(f"failures={failures!r}: pass 'worst', 'drop' or 'ignore'")
    if failures != "worst":
        return table
    finished_some = table.dropna(axis=1, how="all")
    return finished_some.T.fillna(table.min(axis=1)).T.reindex(columns=table.columns)


def _compare(values, ranks, leaky, reference):
    """Columns of `summarize` about the differences from a reference."""
    differences = values.sub(values[reference], axis=0)
    by_detector = {name: column.dropna() for name, column in differences.items()}
    intervals = pd.DataFrame({name: _interval(column) for name, column in by_detector.items()})
    ranks_ahead = ranks.rsub(ranks[reference], axis=0)
    return {
        "difference": differences.mean(),
        "difference_low": intervals.loc[0],
        "difference_high": intervals.loc[1],
        "difference_leak_free": differences[~leaky].mean(),
        "won": (np.sign(ranks_ahead).sum() + len(ranks)) / 2,
        "p_value": pd.Series({name: _p_value(column) for name, column in by_detector.items()}),
    }


def _interval(differences):
    """Interval of a mean by the percentile bootstrap, which is defined for equal values too."""
    if len(differences) < 2:
        return np.nan, np.nan
    # random_state is called rng from SciPy 1.15, which still takes the older name.
    found = bootstrap(
        (differences,), np.mean, method="percentile", random_state=np.random.default_rng(0)
    )
    return tuple(found.confidence_interval)


def _p_value(differences):
    if len(differences) < 2 or not differences.any():
        return np.nan
    # With zeros among them, older versions of SciPy approximate, with a warning.
    return wilcoxon(differences[differences != 0]).pvalue


def complete(table):
    """Data sets that all detectors finished, without detectors that finished none."""
    return table.dropna(axis=1, how="all").dropna()


def can_be_tested(table):
    """Whether a table without missing values has enough data sets and detectors for a test."""
    return table.shape[0] >= FEWEST_DATASETS and table.shape[1] >= FEWEST_DETECTORS


def significance(table, alpha=0.05):
    """Friedman test over all detectors, then pairwise Wilcoxon tests with Holm's correction.

    Parameters
    ----------
    table : DataFrame of shape (n_datasets, n_detectors)
        Of :func:`by_dataset`, without missing values.
    alpha : float, default=0.05
        Level below which the Friedman test allows the pairs to be told apart.

    Returns
    -------
    p_value : float
        Of the Friedman test: that all detectors are alike.
    pairs : DataFrame of shape (n_detectors, n_detectors)
        Corrected p-values; all 1 where the Friedman test finds no difference.
    """
    from scikit_posthocs import posthoc_wilcoxon
    from scipy.stats import friedmanchisquare

    p_value = float(friedmanchisquare(*table.to_numpy().T).pvalue)
    alike = pd.DataFrame(1.0, index=table.columns, columns=table.columns)
    if not p_value < alpha:
        return p_value, alike
    # "zsplit" halves ties between the signs; the default fails where two detectors agree.
    pairs = posthoc_wilcoxon(table.to_numpy().T, zero_method="zsplit", p_adjust="holm")
    return p_value, alike * np.asarray(pairs)


def number(value, column=""):
    """A number as text."""
    if pd.isna(value):
        return "–"
    if column in ("p_value", *COST_COLUMNS) and value < 0.0005:
        return "< 0.001"
    if float(value).is_integer() and not isinstance(value, float):
        return str(value)
    small = abs(value) < 1 and column not in (*MEANS, "difference_low", "difference_high", "won")
    return f"{value:.3f}" if small else f"{value:.2f}"


def marked(table, leaky):
    """A copy of a table by data set, with the leaky ones marked."""
    return table.rename(index={name: f"{name} {MARK}" for name in leaky})


def _one_protocol(results, protocol):
    found = list(dict.fromkeys(results["protocol"]))
    if protocol is None and len(found) == 1:
        return results
    if protocol not in found:
        raise ValueError(f"protocol={protocol!r}: choose one of those in the results, {found}")
    return results[results["protocol"] == protocol]
