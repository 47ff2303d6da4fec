"""The command: ``skdeepad-benchmark`` or ``python -m skdeepad.benchmark``."""

import argparse
import shlex
import sys
from pathlib import Path

from skdeepad import __version__

EPILOG = """\
examples:
  skdeepad-benchmark
      skdeepad's detectors beside IForest, ECOD and KNN on the eight shipped data sets
  skdeepad-benchmark --detectors VAE "AutoEncoder(max_epochs=20)" pyod.LOF IsolationForest \\
                     --datasets cardio mammography --protocols adbench leak-free
  skdeepad-benchmark --datasets mine.csv --label-column fraud --time-limit 60
  skdeepad-benchmark --self-test
      compare with ADBench's published values
  skdeepad-benchmark --detectors ADGM LogisticRegression --protocols adbench-5% \\
                     --datasets cardio

An interrupted command goes on where it stopped when it is given again.

exit status:
  0    every run succeeded, or every value of the self-test agrees
  1    some runs failed, which results and report tell, or some values differ
  2    the arguments, or files that they name, are not accepted
  130  interrupted by Ctrl-C
"""


def main(argv=None):
    """Run the command and return its exit status."""
    parser = make_parser()
    argv = sys.argv[1:] if argv is None else argv
    options = parser.parse_args(argv)
    try:
        if options.list:
            return _list()
        return _self_test(options) if options.self_test else _benchmark(options, argv)
    except (ValueError, OSError, ImportError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "\nInterrupted; the same command goes on from here.\n")


def make_parser():
    """Every option, with the runner's defaults."""
    parser = argparse.ArgumentParser(
        prog="skdeepad-benchmark",
        description="Compare anomaly detectors on data sets.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("--list", action="store_true", help="list detectors and data sets, and end")
    parser.add_argument(
        "--self-test",
        action="store_true",
        help="check the runner against ADBench's published values (with --datasets: on these)",
    )
    _add_what(parser.add_argument_group("what to run"))
    _add_how(parser.add_argument_group("how to run it"))
    _add_where(parser.add_argument_group("where it goes"))
    return parser


def _add_what(what):
    from ._execute import METRICS
    from ._runner import DETECTORS, SHIPPED

    what.add_argument(
        "--detectors",
        nargs="+",
        default=DETECTORS,
        metavar="NAME",
        help='names, pyod.NAME, sklearn.NAME or dotted paths; "NAME(parameter=literal)" '
        f"(default: {' '.join(DETECTORS)})",
    )
    what.add_argument(
        "--datasets",
        nargs="+",
        metavar="NAME",
        help=f"ADBench's names, or .csv, .parquet and .npz files (default: {' '.join(SHIPPED)})",
    )
    what.add_argument("--label-column", metavar="NAME", help="column of the labels in data files")
    what.add_argument(
        "--protocols",
        nargs="+",
        default=["adbench"],
        metavar="NAME",
        help="adbench: contaminated training, exactly as ADBench; clean: train on half of the "
        "normal rows; leak-free: split before resampling; adbench-1%%, adbench-5%% or another "
        "share: ADBench's, with labels of so many training anomalies; dplan: 60 labelled "
        "anomalies, 2%% of anomalies among the other rows; feedback-10 or another number: "
        "ADBench's, with so many answers about training rows (default: adbench)",
    )
    what.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3], metavar="N")
    what.add_argument(
        "--metrics", nargs="+", default=list(METRICS), choices=METRICS, help="(default: all)"
    )


def _add_how(how):
    from ._pool import BACKENDS

    how.add_argument(
        "--n-jobs", type=int, default=-1, metavar="N", help="runs at a time (default: all cores)"
    )
    how.add_argument("--backend", choices=BACKENDS, default="loky", help="(default: loky)")
    how.add_argument("--scheduler", metavar="ADDRESS", help="of a dask scheduler or ray cluster")
    how.add_argument(
        "--time-limit",
        type=float,
        default=600.0,
        metavar="SECONDS",
        help="of one run; a slower one becomes a row that says so (default: 600)",
    )
    how.add_argument(
        "--retry-errors", action="store_true", help="run failed ones again, not just missing ones"
    )
    how.add_argument("--quiet", action="store_true", help="show no progress bar")


def _add_where(where):
    where.add_argument(
        "--output",
        type=Path,
        default=Path("skdeepad-benchmark"),
        metavar="FOLDER",
        help="folder of the results and the report (default: skdeepad-benchmark)",
    )
    where.add_argument(
        "--format", choices=["csv", "parquet"], default="csv", help="of the results (default: csv)"
    )
    where.add_argument(
        "--reference",
        metavar="NAME",
        help="one of the detectors, with which the report compares all: differences and their "
        "intervals, sets won, p-values",
    )


def _benchmark(options, argv):
    from . import run_benchmark, write_report
    from ._detectors import as_detectors
    from ._report import require_packages, terminal_table
    from ._runner import SHIPPED

    require_packages()  # before the runs, which take minutes
    if options.output.exists() and not options.output.is_dir():
        raise ValueError(f"--output {options.output} is a file, where a folder is needed")
    labels = list(as_detectors(options.detectors))
    if options.reference is not None and options.reference not in labels:
        raise ValueError(f"reference={options.reference!r} is none of the detectors: {labels}")
    results = run_benchmark(
        options.detectors,
        options.datasets or SHIPPED,
        protocols=options.protocols,
        seeds=options.seeds,
        metrics=options.metrics,
        label_column=options.label_column,
        time_limit=options.time_limit,
        output=options.output / f"results.{options.format}",
        retry_errors=options.retry_errors,
        **_how(options),
    )
    for protocol in options.protocols:
        for i, metric in enumerate(options.metrics):
            sys.stdout.write(f"\n{terminal_table(results, metric, protocol, costs=i == 0)}")
    failed = int((results["status"] != "ok").sum())
    if failed:
        sys.stdout.write(f"\n{failed} of {len(results)} runs failed; --retry-errors repeats them\n")
    command = shlex.join(["skdeepad-benchmark", *argv])
    report = write_report(results, options.output, reference=options.reference, command=command)
    sys.stdout.write(f"\nReport: {report}\n")
    return 1 if failed else 0


def _self_test(options):
    from . import self_test
    from ._published import SMALL

    gaps = self_test(options.datasets or SMALL, **_how(options))
    table = gaps.assign(agrees=gaps["agrees"].map({True: "yes", False: "NO"}))
    text = table.reset_index().to_markdown(tablefmt="simple", floatfmt=".2f", index=False)
    n_agree = int(gaps["agrees"].sum())
    sys.stdout.write(f"\n{text}\n\n{n_agree} of {len(gaps)} agree with the published values\n")
    return 0 if gaps["agrees"].all() else 1


def _how(options):
    return {
        "n_jobs": options.n_jobs,
        "backend": options.backend,
        "scheduler": options.scheduler,
        "verbose": not options.quiet,
    }


def _list():
    from ._detectors import detector_names
    from ._published import published_table

    sys.stdout.write(f"detectors: {', '.join(detector_names())}\n")
    sys.stdout.write(f"data sets: {', '.join(published_table().index)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
