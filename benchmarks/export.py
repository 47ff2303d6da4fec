"""Detectors as ONNX models: time to score, and distance from ``score_samples``.

Run ``python benchmarks/export.py``; it needs ``pip install 'skdeepad[onnx]'``. Every
detector is fitted to cardio with its defaults but 50 steps, because neither times nor differences
depend on how long it was trained. Models run in onnxruntime with one thread, as torch does. Many
rows are scored in batches of 8,192.
"""

import time
import warnings

import numpy as np
import pandas as pd
import torch
from _study import make_parser, write_page
from sklearn.ensemble import IsolationForest
from sklearn.utils import gen_batches

from skdeepad import all_detectors
from skdeepad.datasets import load_cardio
from skdeepad.export import to_onnx

N_ROWS, BATCH, REPEATS = 1_000_000, 8192, 200
# AnoGAN without an encoder searches for the code of each row.
PARAMETERS = {"AnoGAN": {"train_encoder": True}}
FEW = {"max_epochs": 50, "max_steps": 50, "pretrain_epochs": 2, "warm_up_steps": 20}


def runtime(model):
    """Return a function from rows to the scores of a model."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    content = model.SerializeToString()
    session = InferenceSession(content, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda X: session.run(None, {name: X})


def seconds_of_many(function, X):
    start = time.perf_counter()
    for rows in gen_batches(len(X), BATCH):
        function(X[rows])
    return time.perf_counter() - start


def microseconds_of_one(function, X):
    times = []
    for i in range(REPEATS):
        start = time.perf_counter()
        function(X[i : i + 1])
        times.append(time.perf_counter() - start)
    return 1e6 * np.median(times)


def far_away(X):
    signs = np.random.default_rng(0).choice([-1, 1], X.shape)
    return X + 100 * X.std(0) * signs


def times_of(ours, theirs, X, many):
    return {
        "one row, µs": microseconds_of_one(ours, X),
        "ONNX, one row, µs": microseconds_of_one(theirs, X),
        "10⁶ rows, s": seconds_of_many(ours, many),
        "ONNX, 10⁶ rows, s": seconds_of_many(theirs, many),
    }


def study(name, cls, X, many):
    """Times and differences of a detector."""
    det = cls(random_state=0, **PARAMETERS.get(name, {}))
    det.set_params(**{key: value for key, value in FEW.items() if key in det.get_params()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        det.fit(X)
    start = time.process_time()
    model = to_onnx(det)
    seconds = time.process_time() - start
    run = runtime(model)
    far = far_away(X)
    spread = np.r_[det.score_samples(X), det.score_samples(far)].std()
    differences = {
        where: np.abs(run(rows)[0] - det.score_samples(rows)).max() / scale
        for where, rows, scale in (
            ("in range", X, det.score_samples(X).std()),
            ("100 sd out", far, spread),
        )
    }
    found = {"detector": name} | times_of(det.score_samples, run, X, many) | differences
    print(found, flush=True)
    return found | {"KiB": model.ByteSize() / 1024, "s to convert": seconds}


def study_of_the_forest(X, many):
    from skl2onnx import to_onnx as convert

    X, many = X.astype(np.float32), many.astype(np.float32)
    forest = IsolationForest(random_state=0).fit(X)
    model = convert(forest, X[:1], target_opset={"": 15, "ai.onnx.ml": 3})
    return {
        "detector": "IsolationForest, by skl2onnx",
        **times_of(forest.score_samples, runtime(model), X, many),
        "KiB": model.ByteSize() / 1024,
    }


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--detectors", nargs="+", metavar="NAME")
    options = parser.parse_args()
    torch.set_num_threads(1)
    X, _ = load_cardio(return_X_y=True)
    many = np.tile(X, (N_ROWS // len(X) + 1, 1))[:N_ROWS]
    names = options.detectors or [name for name, _ in all_detectors()]
    detectors = dict(all_detectors())
    found = [study_of_the_forest(X, many)]
    found += [study(name, detectors[name], X, many) for name in names]
    table = pd.DataFrame(found).set_index("detector")
    table = table.map(lambda value: "" if np.isnan(value) else f"{value:.3g}")
    write_page(
        options.output,
        "Scores in ONNX",
        f"cardio ({X.shape[1]} features), one thread. One row: median of {REPEATS}. *In range* and "
        "*100 sd out* are the largest differences from `score_samples`, of the training rows and "
        "of rows 100 standard deviations away, in standard deviations of these scores.",
        table.to_markdown(disable_numparse=True, colalign=["left", *["right"] * table.shape[1]]),
        sets=["cardio"],
    )


if __name__ == "__main__":
    main()
