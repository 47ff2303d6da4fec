"""Detectors beside isolation forest on the tuning sets and on the checking sets.

Run ``SKDEEPAD_DATA=... python benchmarks/checking.py``: detectors that need no labels, with
their defaults, seeds 1 to 3. Checking sets are for judging what has been decided, not for choosing:
whoever changes a default or a method after a look at them has used them up. For a trial,
``--kinds tuning`` leaves them alone.
"""

from _sets import CHECKING_ADBENCH, CHECKING_ODDBENCH, TUNING, data_of
from _study import (
    LEARN_FROM_LABELS,
    METRICS,
    comparison,
    make_parser,
    output_file,
    require_data,
    write_page,
)

from skdeepad import all_detectors, default_detector
from skdeepad.benchmark import run_benchmark
from skdeepad.benchmark._plots import plot_critical_difference

REFERENCE = "pyod.IForest"
RIVALS = [
    *("Norm", "pyod.ECOD", "pyod.HBOS", "pyod.KNN", "pyod.LOF", "pyod.OCSVM", "pyod.PCA"),
    *("pyod.AutoEncoder", "pyod.VAE", "pyod.DeepSVDD"),
]
DEFAULT = "default_detector"
UNLABELLED = [name for name, _ in all_detectors() if name not in LEARN_FROM_LABELS]
KINDS = {
    "tuning": ("Tuning sets", TUNING),
    "checking-adbench": ("Checking sets of ADBench", CHECKING_ADBENCH),
    "checking-oddbench": ("Checking sets of OddBench", CHECKING_ODDBENCH),
}
PROTOCOLS = {
    "adbench": "ADBench's protocol, with anomalies in training",
    "clean": "clean training, half of the normal rows",
}


def main():
    parser = make_parser(__doc__, n_jobs=2, seeds=[1, 2, 3])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--protocol", default="adbench", choices=list(PROTOCOLS))
    names = [DEFAULT, "LeSiNN", *UNLABELLED, *RIVALS]
    parser.add_argument(
        "--detectors",
        nargs="+",
        default=names,
        metavar="NAME",
        help=f"as skdeepad-benchmark takes them, or {DEFAULT}; {REFERENCE} is always among them",
    )
    options = parser.parse_args()
    sets = [name for kind in options.kinds for name in KINDS[kind][1]]
    require_data(*sets)
    detectors = {name: name for name in [REFERENCE, *options.detectors]}
    if DEFAULT in detectors:
        detectors[DEFAULT] = default_detector(clean=options.protocol == "clean")
    results = run_benchmark(
        detectors,
        data_of(sets),
        protocols=options.protocol,
        seeds=options.seeds,
        metrics=tuple(METRICS),
        n_jobs=options.n_jobs,
        time_limit=1800,
        output=output_file(options.output / "rows", f"-{options.protocol}.csv"),
    )
    sections = []
    for kind in options.kinds:
        title, members = KINDS[kind]
        rows = results[results["dataset"].isin(members)]
        sections += [
            f"## {title} ({len(members)})",
            comparison(rows, REFERENCE).to_markdown(disable_numparse=True),
        ]
        if figure := plot_critical_difference(rows):
            picture = output_file(options.output, f"-{options.protocol}-{kind}.png")
            figure.savefig(picture, dpi=110)
            sections += [f"![Detectors by mean rank of AUCROC, joined where alike]({picture.name})"]
    write_page(
        options.output,
        "Tuning sets and checking sets",
        f"{PROTOCOLS[options.protocol]}, seeds {' '.join(map(str, options.seeds))}, one setting of "
        "each detector for all sets. Percent; means over the sets of means over the seeds. A set "
        "that a detector did not finish has the least value of any detector there. *Leak-free* "
        "leaves out sets of which more than 5 % of the test rows have a copy in training. "
        f"*Differences* are from {REFERENCE}, with 95 % bootstrap intervals over the sets. *Won* "
        "are sets on which a detector is above it, ties as halves. *p* is Wilcoxon's, not "
        "corrected for the number of detectors.",
        *sections,
        sets=sets,
        part=f"-{options.protocol}",
    )


if __name__ == "__main__":
    main()
