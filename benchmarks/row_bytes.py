"""Memory of fits for each row of a large table, for every detector.

Run ``python benchmarks/row_bytes.py``. The table is a memory map of 5,000,000 rows and 4 float32
columns. A fit has few steps, and its peak of memory beyond that before it, measured as in
``benchmarks/large.py``, is divided by the number of rows. Some 12 MB, 2 to 3 bytes for each row
here, are needed for any table.
"""

import json
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _study import make_parser, write_page
from large import AnonymousMemory
from sklearn.base import clone

import skdeepad
from skdeepad import all_detectors

N_ROWS, N_FEATURES = 5_000_000, 4
# Parameters that make scores of many rows quick, and change no memory that grows with them.
QUICK = {"n_draws": 2, "n_latent_steps": 2, "n_starts": 8, "n_blocks": 1, "warm_up_steps": 20}
FEW = {"max_epochs": 1, "max_steps": 20, "pretrain_epochs": 1, "steps_per_epoch": 20}
# Parameters and labels that take memory of their own.
OTHERS = [
    ("AutoEncoder", {"early_stopping": True}, False),
    ("BDSGM", {"density": "gaussian"}, False),
    ("DeepSVDD", {"objective": "soft-boundary", "warm_up_epochs": 0}, False),
    ("DevNet", {}, False),
    ("EGBAD", {"score_scaling": "train"}, False),
    ("REPEN", {}, False),
]


def cases():
    """Detectors with their parameters, and whether they are given labels."""
    learning = {"ADGM", "SDGM", "DeepSAD", "DevNet", "DPLAN", "REPEN"}
    return [(name, {}, name in learning) for name, _ in all_detectors()] + OTHERS


def table(path, mode="r"):
    return np.memmap(path, dtype=np.float32, mode=mode, shape=(N_ROWS, N_FEATURES))


def make_table(path):
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((N_ROWS, 2), dtype=np.float32)
    X = table(path, "w+")
    X[:] = factors @ rng.standard_normal((2, N_FEATURES), dtype=np.float32)
    X += 0.1 * rng.standard_normal(X.shape, dtype=np.float32)
    X.flush()


def some_labels(n_rows):
    y = np.zeros(n_rows, dtype=np.int8)
    y[:: n_rows // 100] = -1
    y[1 :: n_rows // 100] = 1
    return y


def measure(number, path):
    """Bytes for each row of a fit; run in a process of its own."""
    name, params, labelled = cases()[number]
    detector = getattr(skdeepad, name)(random_state=0)
    known = detector.get_params().keys()
    quick = {k: v for k, v in (QUICK | FEW | params).items() if k in known}
    detector.set_params(**quick)
    X, few = table(path), 3000
    y = some_labels(N_ROWS) if labelled else None
    clone(detector).fit(X[:few], some_labels(few) if labelled else None)
    with AnonymousMemory() as memory:
        detector.fit(X, y)
    return {
        "detector": name,
        "parameters": ", ".join(f"`{k}={v!r}`" for k, v in params.items()),
        "labels": "yes" if labelled else "",
        "bytes for each row": round(memory.mb * 2**20 / N_ROWS),
    }


def study():
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.dat"
        make_table(path)
        for number in range(len(cases())):
            command = [sys.executable, __file__, "--measure", str(number), str(path)]
            result = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            found.append(json.loads(result.stdout))
            print(found[-1], file=sys.stderr, flush=True)
    return pd.DataFrame(found)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--measure", nargs=2, metavar=("NUMBER", "FILE"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if options.measure:
        number, path = options.measure
        print(json.dumps(measure(int(number), path)))
        return
    write_page(
        options.output,
        "Memory for each row",
        f"torch {torch.__version__}, one thread, {N_ROWS:,} rows and {N_FEATURES} float32 columns "
        "in a memory map, few steps. Some 12 MB, 2 to 3 bytes for each row here, are needed for "
        "any table.",
        study().to_markdown(index=False),
        sets=(),
    )


if __name__ == "__main__":
    main()
