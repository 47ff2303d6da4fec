"""skdeepad's detectors beside PyOD's, ADBench's protocol, in one run.

Run ``SKDEEPAD_DATA=... python benchmarks/adbench.py``: all detectors with their defaults and
without labels, seeds 1 to 3, on those of ADBench's sets with few rows that are at hand. With labels
they are compared by ``benchmarks/labels.py``. The page comes with the table that the documentation
shows.
"""

import pandas as pd
from _study import make_parser, output_file, require_data, rows_file, write_page

from skdeepad import DetectorEnsemble, all_detectors
from skdeepad.benchmark import by_dataset, published_table, run_benchmark, summarize

SETS = [
    *("breastw", "cardio", "fault", "glass", "Ionosphere", "letter", "musk", "Pima", "thyroid"),
    *("vowels", "Waveform", "WDBC", "wine"),
]
RIVALS = [
    *("Norm", "pyod.IForest", "pyod.AutoEncoder", "pyod.VAE", "pyod.DeepSVDD"),
    *("pyod.ALAD", "pyod.AnoGAN", "pyod.SO_GAAL"),
]
DETECTORS = {name: cls() for name, cls in all_detectors()}
DETECTORS |= {"DetectorEnsemble": DetectorEnsemble()} | {name: name for name in RIVALS}


def main():
    options = make_parser(__doc__, n_jobs=2).parse_args()
    require_data(*SETS)
    results = run_benchmark(
        DETECTORS, SETS, n_jobs=options.n_jobs, time_limit=600, output=rows_file(options.output)
    )
    cpu = results.groupby(["detector", "dataset"])["fit_cpu_time"].mean()
    cpu = cpu.groupby("detector").median()
    tables = []
    for metric, title in (("roc_auc", "AUCROC"), ("average_precision", "AUCPR")):
        tables += [
            f"## {title}",
            summarize(results, metric).assign(fit_cpu_time=cpu).round(2).to_markdown(),
            by_dataset(results, metric).round(1).to_markdown(),
        ]
    write_page(
        options.output,
        "ADBench's protocol, small sets",
        f"defaults of every detector, seeds 1 to 3, {len(SETS)} of ADBench's 21 sets of few rows. "
        "Percent; isolation forest's published mean AUCROC on them: "
        f"{published_table().loc[SETS, 'IForest'].mean():.1f}. Times are medians over the sets, in "
        "seconds on one core of a machine with other work to do, which CPU time mostly leaves out.",
        "What learns from labels had none: DeepSAD is DeepSVDD then, REPEN its paper's form "
        "without any; DevNet and DPLAN take the first rows of an isolation forest for anomalies; "
        "ADGM and SDGM are auxiliary VAEs.",
        *tables,
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
