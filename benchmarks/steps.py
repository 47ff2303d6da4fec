"""Whether the slow detectors need all of their steps: half of them, and half at twice the rate.

Run ``SKDEEPAD_DATA=... python benchmarks/steps.py``: ADBench's protocol on the tuning sets,
with 5 % of the training anomalies labelled for detectors that learn from labels.
"""

import pandas as pd
from _sets import TUNING
from _study import make_parser, require_data, rows_file, write_page

from skdeepad import ADGM, DPLAN, EGBAD, SDGM, InvertibleResNet, LadderVAE
from skdeepad.benchmark import run_benchmark

UNLABELLED = (LadderVAE, EGBAD, InvertibleResNet)
LABELLED = (ADGM, SDGM, DPLAN)


def variants(cls):
    """The defaults, half of the steps, and half of the steps at twice the learning rate."""
    default = cls()
    steps = "exploration_steps" if cls is DPLAN else "max_steps"
    half = {steps: getattr(default, steps) // 2}
    rates = {name: 2 * value for name, value in default.get_params().items() if name[:2] == "lr"}
    rates = {name: value for name, value in rates.items() if isinstance(value, float)}
    name = cls.__name__
    return {
        name: default,
        f"{name}, half the steps": cls(**half),
        f"{name}, half the steps at twice the rate": cls(**half, **rates),
    }


def table(results: pd.DataFrame, names) -> pd.DataFrame:
    """Means over sets and seeds, and on how many sets a variant is above the default."""
    per_set = results.groupby(["detector", "dataset"])[["roc_auc", "average_precision"]].mean()
    summary = per_set.groupby("detector").mean().reindex(names)
    summary.columns = ["AUCROC", "AUCPR"]
    roc = per_set["roc_auc"].unstack("dataset")
    summary["sets above the default"] = [
        int((roc.loc[name] > roc.loc[name.split(",")[0]]).sum()) for name in names
    ]
    summary["s of CPU"] = results.groupby("detector")["fit_cpu_time"].mean()
    return summary.round({"AUCROC": 1, "AUCPR": 1, "s of CPU": 2})


def main():
    classes = {cls.__name__: cls for cls in (*UNLABELLED, *LABELLED)}
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2])
    parser.add_argument("--detectors", nargs="+", default=list(classes), choices=list(classes))
    options = parser.parse_args()
    require_data(*TUNING)
    labelled = [cls.__name__ for cls in LABELLED]
    parts, names = [], []
    for cls in map(classes.get, options.detectors):
        detectors = variants(cls)
        names += detectors
        parts.append(
            run_benchmark(
                detectors,
                TUNING,
                protocols="adbench-5%" if cls in LABELLED else "adbench",
                seeds=options.seeds,
                metrics=("roc_auc", "average_precision"),
                n_jobs=options.n_jobs,
                output=rows_file(options.output),
            )
        )
        print(table(parts[-1], detectors), flush=True)
    write_page(
        options.output,
        "Half of the steps",
        f"ADBench's protocol, 5 % of the anomalies labelled for {', '.join(labelled)}, seeds "
        f"{' '.join(map(str, options.seeds))}, means over {len(TUNING)} sets: {', '.join(TUNING)}.",
        table(pd.concat(parts), names).to_markdown(),
        sets=TUNING,
    )


if __name__ == "__main__":
    main()
