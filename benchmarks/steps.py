"""How many steps variational and slow detectors need: the first defaults, and half of the steps.

Run ``SKDEEPAD_DATA=... python benchmarks/steps.py``: ADBench's protocol on the tuning sets,
with 5 % of the training anomalies labelled for detectors that learn from labels.
"""

import pandas as pd
from _sets import TUNING
from _study import make_parser, require_data, rows_file, write_page

from skdeepad import ADGM, DPLAN, EGBAD, SDGM, VAE, AuxiliaryVAE, InvertibleResNet, LadderVAE
from skdeepad.benchmark import run_benchmark

LABELLED = (ADGM, SDGM, DPLAN)
# Steps and learning rates of the first defaults.
FIRST = {
    VAE: {"max_steps": 2500, "lr": 1e-3},
    LadderVAE: {"max_steps": 2500, "lr": 1e-3},
    AuxiliaryVAE: {"max_steps": 2500, "lr": 1e-3},
    ADGM: {"max_steps": 2500, "lr": 1e-3},
    SDGM: {"max_steps": 2500, "lr": 1e-3},
    EGBAD: {"max_steps": 3000, "lr": 5e-4},
    InvertibleResNet: {"max_steps": 1000, "lr": 3e-3},
    DPLAN: {"exploration_steps": 10000, "lr": 2.5e-4},
}


def variants(cls):
    """The first defaults, half of the steps, and half of the steps at twice the learning rate."""
    first = FIRST[cls]
    half = {name: value // 2 if "steps" in name else value for name, value in first.items()}
    faster = {name: value if "steps" in name else 2 * value for name, value in half.items()}
    steps = next(iter(first.values()))
    name = cls.__name__
    return {
        f"{name}, {steps:,} steps": cls(**first),
        f"{name}, {steps // 2:,} steps": cls(**half),
        f"{name}, {steps // 2:,} steps at twice the rate": cls(**faster),
    }


def table(results: pd.DataFrame, names) -> pd.DataFrame:
    """Means over sets and seeds, and on how many sets a variant is above the first default."""
    per_set = results.groupby(["detector", "dataset"])[["roc_auc", "average_precision"]].mean()
    summary = per_set.groupby("detector").mean().reindex(names)
    summary.columns = ["AUCROC", "AUCPR"]
    roc = per_set["roc_auc"].unstack("dataset")
    firsts = {name.partition(",")[0]: name for name in reversed(names)}
    summary["sets above the first"] = [
        int((roc.loc[name] > roc.loc[firsts[name.partition(",")[0]]]).sum()) for name in names
    ]
    summary["s of CPU"] = results.groupby("detector")["fit_cpu_time"].mean()
    return summary.round({"AUCROC": 1, "AUCPR": 1, "s of CPU": 2})


def main():
    classes = {cls.__name__: cls for cls in FIRST}
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2])
    parser.add_argument("--detectors", nargs="+", default=list(classes), choices=list(classes))
    options = parser.parse_args()
    require_data(*TUNING)
    labelled = [cls.__name__ for cls in LABELLED]
    parts, names = [], []
    for cls in map(classes.get, options.detectors):
        detectors = variants(cls)
        names += list(detectors)
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
        print(table(parts[-1], list(detectors)).to_string(), flush=True)
    write_page(
        options.output,
        "Steps of the slow detectors",
        f"ADBench's protocol, 5 % of the anomalies labelled for {', '.join(labelled)}, seeds "
        f"{' '.join(map(str, options.seeds))}, means over {len(TUNING)} sets: {', '.join(TUNING)}.",
        table(pd.concat(parts), names).to_markdown(),
        sets=TUNING,
    )


if __name__ == "__main__":
    main()
