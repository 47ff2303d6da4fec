"""Result rows condensed: one value per data set, then means, ranks and wins."""

import numpy as np
import pandas as pd

from ._execute import COSTS, KEY, OUTCOME, SIZES

LEAKY = 0.05  # share of test rows with a twin in training above which a data set is marked
MARK = "†"
COST_COLUMNS = ("fit_time", "score_time", "peak_memory_mb")


def metric_names(results):
    """Columns of result rows that are metrics."""
    return [name for name in results if name not in (*KEY, *SIZES, *COSTS, *OUTCOME)]


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


def summarize(results, metric="roc_auc", protocol=None, failures="worst"):
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
        compared where these differ.

    Returns
    -------
    summary : DataFrame
        One row for each detector, the best mean rank first:

        - ``mean`` and ``median`` of the metric over the data sets; NaN for a detector that
          finished none;
        - ``mean_leak_free``, the mean without leaky data sets: those where more than 5 % of the
          test rows have an exact copy in training;
        - ``mean_rank``, where 1 is best, ties share their mean rank, and a detector is last on
          a data set that it did not finish;
        - ``wins``, the number of data sets on which no detector is better;
        - ``n_datasets`` it finished, and ``n_failed`` runs;
        - medians of ``fit_time`` and ``score_time`` in seconds and ``peak_memory_mb``.
    """
    rows = _one_protocol(results, protocol)
    table = by_dataset(rows, metric)
    n_datasets = table.notna().sum()
    if failures == "drop":
        table = table.dropna()
    values = count_failures(table, failures)
    clean = values.drop(index=leaky_datasets(rows), errors="ignore")
    ranks = table.rank(axis=1, ascending=False, na_option="bottom")
    runs = rows.groupby("detector")
    columns = {
        "mean": values.mean(),
        "median": values.median(),
        "mean_leak_free": clean.mean(),
        "mean_rank": ranks.mean(),
        "wins": table.eq(table.max(axis=1), axis=0).sum(),
        "n_datasets": n_datasets,
        "n_failed": runs["status"].agg(lambda status: (status != "ok").sum()),
    } | {name: runs[name].median() for name in COST_COLUMNS}
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
