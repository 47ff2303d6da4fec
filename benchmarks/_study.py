"""What the studies share: a command line, a folder of data, a clock and a page of results.

A run writes to the folder that ``--output`` names, ``skdeepad-benchmark`` by default, and nowhere
else: its page, and in the subfolder ``rows`` finished runs, which an interrupted study does not
repeat. So a trial never overwrites a page that is kept; ``--output benchmarks/results`` does.
"""

import argparse
import os
import shlex
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _sets import ODDBENCH_FILES, kinds_of
from sklearn.datasets import load_digits

from skdeepad.datasets import fetch_mnist, list_datasets

# Files of the data folder that are not ADBench's.
FILES = ODDBENCH_FILES | {
    "MNIST": "mnist.npz",
    "Fashion-MNIST": "fashion_mnist*",
    "CIFAR-10": "cifar10*",
    "COIL-20": "coil20*",
    "KDD99": "kddcup99/kddcup.data_10_percent.gz",
    "UNSW-NB15": "unsw_nb15/UNSW_NB15_*-set.csv",
    "NAB": "nab/data/artificialWithAnomaly/*.csv",
}
METRICS = {"roc_auc": "AUCROC", "average_precision": "AUCPR"}
LEARN_FROM_LABELS = ("ADGM", "DPLAN", "DeepSAD", "DevNet", "REPEN", "SDGM")


def make_parser(doc, *, n_jobs=None, seeds=None):
    """Parser of a study's command line.

    Parameters
    ----------
    doc : str
        Docstring of the script, which ``--help`` shows.
    n_jobs : int, default=None
        Default of ``--n-jobs``; without it there is no such option.
    seeds : list of int, default=None
        Default of ``--seeds``; without it there is no such option.

    Returns
    -------
    parser : argparse.ArgumentParser
        A script adds the options that it alone has.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("skdeepad-benchmark"),
        metavar="FOLDER",
        help="where the results go (default: %(default)s); benchmarks/results holds those kept",
    )
    if n_jobs is not None:
        parser.add_argument("--n-jobs", type=int, default=n_jobs, metavar="N")
    if seeds is not None:
        parser.add_argument("--seeds", nargs="+", type=int, default=seeds, metavar="N")
    return parser


def require_data(*names):
    """Exit with one line and status 1 unless all data are at hand.

    Parameters
    ----------
    *names : str
        Names of ADBench's and OddBench's sets, ``"MNIST"`` (the images), ``"Fashion-MNIST"``,
        ``"CIFAR-10"``, ``"COIL-20"``, ``"KDD99"``, ``"UNSW-NB15"`` or ``"NAB"``. Sets that
        are inside the package need no file, all others one in the folder that ``SKDEEPAD_DATA``
        names.
    """
    folder = os.environ.get("SKDEEPAD_DATA")
    outside = [name for name in names if name.lower() not in list_datasets()]
    missing = [
        pattern
        for pattern in (FILES.get(name, f"adbench/*_{name}.npz") for name in outside)
        if not folder or not any(Path(folder).expanduser().glob(pattern))
    ]
    if missing:
        sys.exit(
            f"{_script().name} needs {', '.join(missing)} in the folder that the environment "
            f"variable SKDEEPAD_DATA names ({folder or 'it is not set'})"
        )


def load_mnist(*, quick=False):
    """MNIST's images, for which a trial may have scikit-learn's digits.

    Parameters
    ----------
    quick : bool, default=False
        Whether scikit-learn's digits will do if MNIST is not at hand.

    Returns
    -------
    images : dict
        ``title``, and by their names arrays ``X_train``, ``y_train``, ``X_test`` and ``y_test``.
        Images are (n_images, side, side), with grey values in [0, 1] as float32.
    """
    if not quick:
        require_data("MNIST")
    images = {"title": "MNIST"}
    try:
        for part in ("train", "test"):
            found = fetch_mnist(subset=part, download_if_missing=False)
            images[f"X_{part}"] = found.data.reshape(-1, *found.image_shape[1:])
            images[f"y_{part}"] = found.target
    except OSError:
        if not quick:
            raise
        return small_digits()
    return images


def small_digits():
    """scikit-learn's digits, in the form of :func:`load_mnist`."""
    digits, n_train = load_digits(), 1200
    images = (digits.images / 16).astype(np.float32)
    return {
        "title": "scikit-learn's digits",
        "X_train": images[:n_train],
        "y_train": digits.target[:n_train],
        "X_test": images[n_train:],
        "y_test": digits.target[n_train:],
    }


def timed(function, *args):
    """Call a function; return what it returns, and the seconds of CPU that it took."""
    start = time.process_time()
    return function(*args), time.process_time() - start


def output_file(folder, ending):
    """Path of a file in a folder, which is made, by the name of the script."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_script().stem}{ending}"


def rows_file(folder):
    """Path of the file of runs from which an interrupted study goes on."""
    return output_file(folder / "rows", ".csv")


def keep_rows(rows, path):
    """Write the rows of a study so far; an interrupt leaves the former file or the new one."""
    partial = path.with_name(f"{path.name}.partial")
    rows.to_csv(partial, index=False)
    partial.replace(path)


def comparison(results, reference):
    """Compare detectors with a reference, by both metrics.

    Parameters
    ----------
    results : DataFrame
        Rows of :func:`skdeepad.benchmark.run_benchmark`, of one protocol.
    reference : str
        Label of a detector in `results`.

    Returns
    -------
    table : DataFrame
        A row for each detector, the best mean rank by AUCROC first. For each metric: the mean, the
        mean without leaky sets, the mean difference from the reference with its 95 % bootstrap
        interval, the number of sets won, and Wilcoxon's p-value.
    """
    from skdeepad.benchmark import summarize

    columns = {}
    for metric, title in METRICS.items():
        summary = summarize(results, metric, reference=reference)
        gain, low, high = (
            summary[f"difference{end}"].map("{:+.1f}".format) for end in ("", "_low", "_high")
        )
        columns |= {
            title: summary["mean"].round(1),
            f"{title}, leak-free": summary["mean_leak_free"].round(1),
            f"{title}, difference": gain + " (" + low + " to " + high + ")",
            f"{title}, sets won": summary["won"],
            f"{title}, p": summary["p_value"].map("{:.2g}".format).replace("nan", "–"),
        }
    table = pd.DataFrame(columns).reindex(summarize(results).index)
    return table.assign(**{"failed runs": summary["n_failed"]})


def variants_table(results, reference, variants):
    """Compare variants with a reference, in the order given, with their seconds of CPU to fit.

    Parameters
    ----------
    results : DataFrame
        As for :func:`comparison`.
    reference : str
        Label of a detector in `results`.
    variants : iterable of str
        Labels of the rows.

    Returns
    -------
    table : str
        In Markdown.
    """
    cpu = results.groupby("detector")["fit_cpu_time"].mean().round(2)
    found = comparison(results, reference).reindex(list(variants))
    return found.assign(**{"s of CPU": cpu}).to_markdown()


def percents(y, scores):
    """AUCROC and AUCPR in percent, of labels (1 = anomaly) and scores (high = normal)."""
    from skdeepad.metrics import anomaly_average_precision, anomaly_roc_auc

    return 100 * anomaly_roc_auc(y, scores), 100 * anomaly_average_precision(y, scores)


def write_page(folder, title, text, *sections, sets, part=""):
    """Write the page of a study, and show it.

    Parameters
    ----------
    folder : Path
        The page goes there, by the name of the script.
    title : str
        Its heading.
    text : str
        Text after the command.
    *sections : str
        Headings, paragraphs and tables, in Markdown.
    sets : list of str
        Names of the data sets that the page is of, from which it says of which kind they are.
        Empty for a page of made-up rows.
    part : str, default=""
        What follows the name of the script in that of the page, where a script has several.
    """
    script = _script().relative_to(Path(__file__).resolve().parents[1]).as_posix()
    command = shlex.join(["python", script, *sys.argv[1:]])
    text = f"{text} {kinds_of(sets)}" if sets else text
    page = "\n\n".join([f"# {title}", f"`{command}`: {text}", *sections]) + "\n"
    output_file(folder, f"{part}.md").write_text(page)
    print(page, flush=True)


def _script():
    return Path(sys.argv[0]).resolve()
