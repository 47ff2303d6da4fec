"""Training and scoring times beside a bare torch loop, PyOD, DeepOD and an isolation forest.

Run ``python benchmarks/speed.py``; DeepOD's column needs ``pip install --no-deps deepod``. One
thread, CPU time, the median over interleaved repeats in one process, so that whatever else the
machine does falls on all alike. Imports, first fits and peak memory are taken in child processes;
fits of many rows, the search and the ensemble run once.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _study import make_parser, timed, write_page
from joblib import parallel_config
from sklearn.ensemble import IsolationForest
from stacked import compare
from torch import nn

from skdeepad import VAE, AutoEncoder, DeepSVDD, DetectorEnsemble
from skdeepad.datasets import load_cardio

N_ROWS, N_FEATURES, BATCH, EPOCHS = 20_000, 30, 256, 20
N_SCORED = 1_000_000
SIZES = (300, 3_000, 30_000, 300_000)


def rows(n):
    return np.random.default_rng(0).standard_normal((n, N_FEATURES), dtype=np.float32)


# Training -----------------------------------------------------------------------------------


def bare_loop(X):
    """The autoencoder 30-64-16-64-30 in a loop without a library, fused Adam."""
    net = nn.Sequential(
        nn.Linear(30, 64), nn.Tanh(), nn.Linear(64, 16), nn.Tanh(),
        nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 30),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    X = torch.from_numpy(X)
    for _ in range(EPOCHS):
        shuffled = X[torch.randperm(len(X))]
        for start in range(0, len(X), BATCH):
            batch = shuffled[start : start + BATCH]
            optimizer.zero_grad()
            ((net(batch) - batch) ** 2).mean().backward()
            optimizer.step()


def ours(cls, **params):
    settings = {"max_epochs": EPOCHS, "max_steps": None, "batch_size": BATCH, "random_state": 0}
    return lambda X: cls(**settings | params).fit(X)


def pyod_autoencoder(X):
    from pyod.models.auto_encoder import AutoEncoder as Rival

    Rival(hidden_neuron_list=[64, 16], hidden_activation_name="tanh", batch_norm=False,
          dropout_rate=0, epoch_num=EPOCHS, batch_size=BATCH, verbose=0).fit(X)  # fmt: skip


def pyod_vae(X):
    from pyod.models.vae import VAE as Rival

    Rival(encoder_neuron_list=[64, 32], decoder_neuron_list=[32, 64], latent_dim=7,
          hidden_activation_name="tanh", batch_norm=False, dropout_rate=0, epoch_num=EPOCHS,
          batch_size=BATCH, verbose=0).fit(X)  # fmt: skip


def pyod_deep_svdd(X):
    from pyod.models.deep_svdd import DeepSVDD as Rival

    Rival(n_features=N_FEATURES, hidden_neurons=[32, 16, 8], dropout_rate=0, epochs=EPOCHS,
          batch_size=BATCH, verbose=0).fit(X)  # fmt: skip


def deepod_deep_svdd(X):
    from deepod.models.tabular import DeepSVDD as Rival

    Rival(epochs=EPOCHS, batch_size=BATCH, hidden_dims="32,16", rep_dim=8, device="cpu",
          verbose=0).fit(X)  # fmt: skip


SVDD = {"pretrain_epochs": 0, "batch_norm": False}
TRAINING = {
    "AutoEncoder, no trimming, plain residuals": ours(
        AutoEncoder, hidden_layer_sizes=(64, 16), trim=0.0, residual_scaling="plain"
    ),
    "AutoEncoder, default trimming and residuals": ours(AutoEncoder, hidden_layer_sizes=(64, 16)),
    "bare torch loop": bare_loop,
    "PyOD AutoEncoder": pyod_autoencoder,
    "VAE": ours(VAE, likelihood="gaussian", n_latent=7, trim=0.0),
    "PyOD VAE": pyod_vae,
    "DeepSVDD": ours(DeepSVDD, **SVDD),
    "PyOD DeepSVDD": pyod_deep_svdd,
    "DeepOD DeepSVDD": deepod_deep_svdd,
}
RATIOS = [
    ("AutoEncoder, no trimming, plain residuals", "bare torch loop", 1.15),
    ("AutoEncoder, default trimming and residuals", "bare torch loop", None),
    ("AutoEncoder, no trimming, plain residuals", "PyOD AutoEncoder", 0.45),
    ("AutoEncoder, default trimming and residuals", "PyOD AutoEncoder", None),
    ("VAE", "PyOD VAE", 0.45),
    ("DeepSVDD", "PyOD DeepSVDD", 0.45),
    ("DeepSVDD", "DeepOD DeepSVDD", 0.45),
]


def cpu_seconds(function, *args):
    # The rivals print, some of them at every epoch.
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return timed(function, *args)[1]


def medians(functions, X, repeats):
    """Median CPU seconds of each function over interleaved repeats; absent rivals left out."""
    times = {name: [] for name in functions}
    for _ in range(repeats + 1):
        for name, function in functions.items():
            with contextlib.suppress(ImportError):
                times[name].append(cpu_seconds(function, X))
    # The first round warms up.
    return {name: float(np.median(values[1:])) for name, values in times.items() if values}


def ratio_table(times, ratios):
    table = [
        {"ours": a, "rival": b, "ratio": times[a] / times[b], "at most": limit}
        for a, b, limit in ratios
        if b in times
    ]
    return pd.DataFrame(table).round(3)


def training_tables(repeats):
    times = medians(TRAINING, rows(N_ROWS), repeats)
    per_epoch = pd.DataFrame(
        {"ms of CPU per epoch": {k: 1e3 * v / EPOCHS for k, v in times.items()}}
    )
    return per_epoch.round(1), ratio_table(times, RATIOS)


# Fits with defaults -------------------------------------------------------------------------

# The import and the fit of each, for a process of its own.
PROCESSES = {
    "AutoEncoder": ("from skdeepad import AutoEncoder as D", "D(max_steps=3).fit(X)"),
    "PyOD AutoEncoder": (
        "from pyod.models.auto_encoder import AutoEncoder as D",
        "D(epoch_num=1, verbose=0).fit(X)",
    ),
    "IsolationForest": ("from sklearn.ensemble import IsolationForest as D", "D().fit(X)"),
}
PROCESS = """
import contextlib, io, json, time, warnings
warnings.simplefilter("ignore")
import numpy as np
X = np.random.default_rng(0).standard_normal((200, 30), dtype=np.float32)
marks = [time.process_time()]
{imports}
marks.append(time.process_time())
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    for _ in range(2):
        {fit}
        marks.append(time.process_time())
print(json.dumps(np.diff(marks).tolist()))
"""


def process_table(repeats):
    """Seconds of the import, the first and the second fit of a process, medians."""
    times = {}
    for _ in range(repeats):
        for name, (imports, fit) in PROCESSES.items():
            code = PROCESS.format(imports=imports, fit=fit)
            out = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                check=True,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            times.setdefault(name, []).append(json.loads(out.stdout))
    of_process = {name: np.median(values, 0) for name, values in times.items()}
    columns = ["import, s of CPU", "first fit", "second fit"]
    return pd.DataFrame(of_process, index=columns).T.round(2)


def bare_defaults(X):
    """The net and the number of steps of AutoEncoder's defaults, without anything else."""
    det = AutoEncoder(max_steps=1).fit(X[:100])
    net, det = det.net_.module_.train(), AutoEncoder()
    optimizer = torch.optim.Adam(net.parameters(), lr=det.lr, fused=True)
    X = torch.from_numpy(X)
    batches = -(-len(X) // det.batch_size)
    for step in range(min(det.max_steps, det.max_epochs * batches)):
        if step % batches == 0:
            shuffled = X[torch.randperm(len(X))]
        batch = shuffled[step % batches * det.batch_size :][: det.batch_size]
        optimizer.zero_grad()
        ((net.reconstruct(batch) - batch) ** 2).mean().backward()
        optimizer.step()


def pyod_defaults(X):
    from pyod.models.auto_encoder import AutoEncoder as Rival

    Rival(verbose=0).fit(X)


DEFAULTS = {
    "AutoEncoder": lambda X: AutoEncoder(random_state=0).fit(X),
    "VAE": lambda X: VAE(random_state=0).fit(X),
    "DeepSVDD": lambda X: DeepSVDD(random_state=0).fit(X),
    "bare torch loop, AutoEncoder's steps": bare_defaults,
    "PyOD AutoEncoder, 10 epochs": pyod_defaults,
    "IsolationForest": lambda X: IsolationForest(random_state=0).fit(X),
}


def table_of_sizes():
    """Seconds of fits with defaults, and their ratios to the bare loop."""
    for function in DEFAULTS.values():
        cpu_seconds(function, rows(200))  # warms up
    times = {
        f"{n:,} rows": {name: cpu_seconds(f, rows(n)) for name, f in DEFAULTS.items()}
        for n in SIZES
    }
    table = pd.DataFrame(times)
    ratios = (table / table.loc["bare torch loop, AutoEncoder's steps"]).add_suffix(", ratio")
    return pd.concat([table.round(2), ratios.round(2)], axis=1)


def ensemble_table():
    """Seconds of ten VAEs with defaults, alone and stacked."""
    X = load_cardio().data
    ensemble = DetectorEnsemble(VAE(), n_estimators=10, combine="rank", random_state=0)
    with parallel_config(backend="stacked", n_jobs=10):
        stacked = cpu_seconds(ensemble.fit, X)
    alone = cpu_seconds(ensemble.fit, X)
    row = {"task": "10 VAEs, cardio", "alone, s": alone, "stacked, s": stacked}
    return pd.DataFrame([row | {"ratio": alone / stacked}]).round(2)


# Scoring ------------------------------------------------------------------------------------


def fitted_autoencoder(activation="tanh"):
    det = AutoEncoder(hidden_layer_sizes=(64, 16), activation=activation, max_epochs=1)
    return det.set_params(random_state=0).fit(rows(5000))


def scoring_tables(repeats, activation):
    from pyod.models.auto_encoder import AutoEncoder as Rival

    X, small = rows(N_SCORED), rows(5000)
    det = fitted_autoencoder(activation)
    module = det.net_.module_
    with contextlib.redirect_stdout(io.StringIO()):
        rival = Rival(hidden_neuron_list=[64, 16], hidden_activation_name=activation,
                      batch_norm=False, dropout_rate=0, epoch_num=1,
                      batch_size=BATCH, verbose=0).fit(small)  # fmt: skip

    forest = IsolationForest(random_state=0).fit(small)

    def bare_forward(X):
        with torch.inference_mode():
            for chunk in torch.from_numpy(X).split(4096):
                ((module.reconstruct(chunk) - chunk) ** 2).mean(1)

    times = medians(
        {
            "score_samples": det.score_samples,
            "bare forward in chunks of 4,096": bare_forward,
            "PyOD decision_function": rival.decision_function,
            "IsolationForest": forest.score_samples,
        },
        X,
        repeats,
    )
    limits = {"bare forward in chunks of 4,096": 1.4, "PyOD decision_function": 1 / 12}
    return (
        pd.DataFrame({"s of CPU": times}).round(2),
        ratio_table(times, [("score_samples", b, limit) for b, limit in limits.items()]),
    )


def scoring_sections(repeats):
    for activation in ("relu", "tanh"):
        yield f"## Scoring {N_SCORED:,} × {N_FEATURES} float32, {activation} on all sides"
        yield from (table.to_markdown() for table in scoring_tables(repeats, activation))


def one_row_table():
    """Milliseconds of a call with one row, medians of 1,000 interleaved calls."""
    from pyod.models.auto_encoder import AutoEncoder as Rival

    det, small = fitted_autoencoder(), rows(5000)
    module = det.net_.module_
    with contextlib.redirect_stdout(io.StringIO()):
        rival = Rival(epoch_num=1, verbose=0).fit(small)
    forest = IsolationForest(random_state=0).fit(small)

    def bare_forward(row):
        with torch.inference_mode():
            ((module.reconstruct(torch.from_numpy(row)) - torch.from_numpy(row)) ** 2).mean(1)

    calls = {
        "score_samples": det.score_samples,
        "bare forward": bare_forward,
        "PyOD decision_function": rival.decision_function,
        "IsolationForest": forest.score_samples,
    }
    times = medians(calls, small[:1], 1000)
    return pd.DataFrame({"ms of CPU": {name: 1e3 * value for name, value in times.items()}})


# Memory -------------------------------------------------------------------------------------


def resident_mb(key="VmRSS"):
    status = Path("/proc/self/status").read_text()
    return int(status.split(key + ":")[1].split()[0]) / 1024


def peak_extra_mb(task):
    """Peak memory beyond what the process held before; run in a process of its own."""
    X, det = rows(N_SCORED), fitted_autoencoder()
    det.score_samples(X[:1000])
    before = resident_mb()
    if task == "score_samples":
        det.score_samples(X)
    else:
        AutoEncoder(max_epochs=1, max_steps=None, random_state=0).fit(X)
    return resident_mb("VmHWM") - before


def memory_table():
    limits = {"score_samples": 200, "fit of one epoch": 1000}
    table = []
    for task, limit in limits.items():
        out = subprocess.run(
            [sys.executable, __file__, "--memory-of", task], capture_output=True, check=True
        )
        table.append({"task": task, "peak extra MB": json.loads(out.stdout), "at most": limit})
    return pd.DataFrame(table).round(0)


def main():
    parser = make_parser(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory-of", metavar="TASK", help="print the memory that a task takes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if options.memory_of:
        print(json.dumps(peak_extra_mb(options.memory_of)))
        return
    write_page(
        options.output,
        "Speed",
        f"torch {torch.__version__}, one thread, CPU time, medians of {options.repeats} "
        "interleaved repeats.",
        "## A process of its own, 200 rows, few steps",
        process_table(options.repeats).to_markdown(),
        f"## Fits with defaults, {N_FEATURES} features, seconds of CPU",
        table_of_sizes().to_markdown(),
        "## Forty candidates, three folds",
        pd.DataFrame([compare("AutoEncoder", "cardio")]).round(5).to_markdown(index=False),
        "## An ensemble",
        ensemble_table().to_markdown(index=False),
        f"## Whole `fit`, {N_ROWS:,} × {N_FEATURES}, batch {BATCH}, {EPOCHS} epochs",
        *(t.to_markdown() for t in training_tables(options.repeats)),
        f"## One row of {N_FEATURES} features",
        one_row_table().round(2).to_markdown(),
        *scoring_sections(options.repeats),
        f"## Peak memory beyond the data, {N_SCORED:,} × {N_FEATURES} float32",
        memory_table().to_markdown(index=False),
        sets=["cardio"],
    )


if __name__ == "__main__":
    main()
