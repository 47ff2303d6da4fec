"""skdeepad's detectors beside PyOD's, ADBench's protocol, in one run.

Run ``SKDEEPAD_DATA=... python benchmarks/adbench.py``: all detectors with their defaults and
without labels, seeds 1 to 3, on those of ADBench's sets with few rows that are at hand. With labels
they are compared by ``benchmarks/labels.py``. The page comes with the table that the documentation
shows.
"""

import pandas as pd
from _sets import SMALL
from _study import METRICS, make_parser, output_file, require_data, rows_file, write_page

from skdeepad import DetectorEnsemble, LeSiNN, all_detectors
from skdeepad.benchmark import by_dataset, published_table, run_benchmark, summarize

RIVALS = [
    *("Norm", "pyod.IForest", "pyod.AutoEncoder", "pyod.VAE", "pyod.DeepSVDD"),
    *("pyod.ALAD", "pyod.AnoGAN", "pyod.SO_GAAL"),
]
DETECTORS = {name: cls() for name, cls in all_detectors()}
DETECTORS |= {"DetectorEnsemble": DetectorEnsemble(), "LeSiNN": LeSiNN()}
DETECTORS |= {name: name for name in RIVALS}


def main():
    options = make_parser(__doc__, n_jobs=2).parse_args()
    require_data(*SMALL)
    results = run_benchmark(
        DETECTORS, SMALL, n_jobs=options.n_jobs, time_limit=600, output=rows_file(options.output)
    )
    cpu = results.groupby(["detector", "dataset"])["fit_cpu_time"].mean()
    cpu = cpu.groupby("detector").median()
    tables = []
    for metric, title in METRICS.items():
        summary = summarize(results, metric, reference="pyod.IForest").assign(fit_cpu_time=cpu)
        tables += [
            f"## {title}",
            summary.round(dict.fromkeys(summary, 2) | {"p_value": 3}).to_markdown(),
            by_dataset(results, metric).round(1).to_markdown(),
        ]
    write_page(
        options.output,
        "ADBench's protocol, small sets",
        f"defaults of every detector, seeds 1 to 3, {len(SMALL)} of ADBench's 21 sets of few rows. "
        "Percent; isolation forest's published "
        f"mean AUCROC on them: {published_table().loc[SMALL, 'IForest'].mean():.1f}. Differences "
        "are from pyod.IForest, with 95 % bootstrap intervals over the sets. Times are medians "
        "over the sets, in seconds on one core of a machine with other work to do, which CPU time "
        "mostly leaves out.",
        "What learns from labels had none: DeepSAD is DeepSVDD then, REPEN its paper's form "
        "without any; DevNet and DPLAN take the first rows of an isolation forest for anomalies; "
        "ADGM and SDGM are auxiliary VAEs.",
        *tables,
        sets=SMALL,
    )
    table = of_documentation(results, cpu)
    table.to_csv(output_file(options.output, ".csv"), float_format="%.1f")


def of_documentation(results, cpu):
    """The table that the documentation shows."""
    roc, precision = (summarize(results, metric) for metric in ("roc_auc", "average_precision"))
    return pd.DataFrame(
        {
            "AUCROC": roc["mean"],
            "AUCPR": precision["mean"],
            "mean rank": roc["mean_rank"],
            "fit, s of CPU": cpu,
            "score, ms": 1e3 * roc["score_time"],
        },
        index=roc.index,
    )


if __name__ == "__main__":
    main()
