"""Time and memory of fits to tables of up to 20,000,000 rows in a memory map.

Run ``python benchmarks/large.py``. The tables have 30 float32 columns, made of 6 factors and noise;
the largest takes 2.4 GB of the folder for temporary files and is deleted afterwards. Each fit runs
in a process of its own, with one thread and the default parameters.

The memory is the process's anonymous memory (``RssAnon`` of Linux) beyond that before the fit,
sampled every 5 ms. Pages of the file that the process has touched do not count: the system takes
them back when it needs the room.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _study import make_parser, write_page
from sklearn.base import clone

import skdeepad

N_FEATURES, N_FACTORS = 30, 6
ROWS = [200_000, 2_000_000, 20_000_000]
# Most rows that each detector is fitted to; the exact density of the flow takes 0.1 ms for a row.
MOST_ROWS = {
    "AutoEncoder": 20_000_000,
    "VAE": 2_000_000,
    "DeepSVDD": 2_000_000,
    "RobustAutoEncoder": 2_000_000,
    "InvertibleResNet": 200_000,
    "DevNet": 2_000_000,
}
# Known anomalies of DevNet.
N_KNOWN = 200
LIMIT_MB = 300


def table(path, n_rows, mode="r"):
    return np.memmap(path, dtype=np.float32, mode=mode, shape=(n_rows, N_FEATURES))


def make_table(path, n_rows):
    rng, X = np.random.default_rng(0), table(path, n_rows, "w+")
    weights = rng.standard_normal((N_FACTORS, N_FEATURES), dtype=np.float32)
    for start in range(0, n_rows, 100_000):
        part = X[start : start + 100_000]
        part[:] = rng.standard_normal((len(part), N_FACTORS), dtype=np.float32) @ weights
        part += 0.3 * rng.standard_normal(part.shape, dtype=np.float32)
    X.flush()


def labels(n_rows):
    y = np.zeros(n_rows, dtype=np.int8)
    y[:: n_rows // N_KNOWN] = -1
    return y


class AnonymousMemory:
    """Peak of the anonymous memory beyond that at the beginning, in MB, while the block runs."""

    def __enter__(self):
        self.begin = self.peak = self._now()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.mb = (max(self.peak, self._now()) - self.begin) / 1024

    def _watch(self):
        while not self.ended.wait(0.005):
            self.peak = max(self.peak, self._now())

    @staticmethod
    def _now():
        return int(Path("/proc/self/status").read_text().split("RssAnon:")[1].split()[0])


def measure(name, n_rows, path):
    """Seconds and memory of a fit, and of scoring the same rows; run in a process of its own."""
    detector, X = getattr(skdeepad, name)(random_state=0), table(path, n_rows)
    y = labels(n_rows) if name == "DevNet" else None
    few = labels(5000)  # a first fit loads what later ones use again
    clone(detector).set_params(max_epochs=1).fit(X[:5000], few).score_samples(X[:5000])
    row = {"detector": name, "rows": n_rows}
    for task, function in {
        "fit": lambda: detector.fit(X, y),
        "score": lambda: detector.score_samples(X),
    }.items():
        wall, cpu = time.perf_counter(), time.process_time()
        with AnonymousMemory() as memory:
            function()
        row[f"{task}, s"] = time.perf_counter() - wall
        row[f"{task}, s of CPU"] = time.process_time() - cpu
        row[f"{task}, MB"] = memory.mb
    return row


def in_child(name, n_rows, path):
    command = [sys.executable, __file__, "--measure", name, str(n_rows), str(path)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def study(rows):
    found = []
    for n_rows in rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "X.dat"
            make_table(path, n_rows)
            for name, most in MOST_ROWS.items():
                if n_rows <= most:
                    found.append(in_child(name, n_rows, path))
                    print(found[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(found)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS, metavar="N")
    parser.add_argument("--measure", nargs=3, metavar=("DETECTOR", "ROWS", "FILE"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if options.measure:
        name, n_rows, path = options.measure
        print(json.dumps(measure(name, int(n_rows), path)))
        return
    results = study(options.rows)
    most = results["fit, MB"].max()
    write_page(
        options.output,
        "Large tables",
        f"torch {torch.__version__}, one thread, {N_FEATURES} float32 columns in a memory map, "
        "default parameters. The memory is anonymous memory beyond that before the fit, or before "
        "scoring. The first column of seconds is the time that passed, on a machine that did other "
        "work too.",
        results.round(1).to_markdown(index=False),
        f"The most that a fit took is {most:.0f} MB; the limit is {LIMIT_MB} MB. The scores of the "
        "training rows, which a fit keeps, are 8 bytes for each row.",
        sets=(),
    )


if __name__ == "__main__":
    main()
