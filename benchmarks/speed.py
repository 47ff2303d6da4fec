"""Training and scoring times beside a bare torch loop, PyOD and DeepOD, in one process.

Run ``python benchmarks/speed.py``; DeepOD's column needs ``pip install --no-deps deepod``. One
thread, CPU time, the median over interleaved repeats, so that whatever else the machine does
falls on all alike. Peak memory is taken in child processes.
"""

import contextlib
import io
import json
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from _study import make_parser, timed, write_page
from torch import nn

from skdeepad import VAE, AutoEncoder, DeepSVDD

N_ROWS, N_FEATURES, BATCH, EPOCHS = 20_000, 30, 256, 20
N_SCORED = 1_000_000


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

    def bare_forward(X):
        with torch.inference_mode():
            for chunk in torch.from_numpy(X).split(4096):
                ((module.reconstruct(chunk) - chunk) ** 2).mean(1)

    times = medians(
        {
            "score_samples": det.score_samples,
            "bare forward in chunks of 4,096": bare_forward,
            "PyOD decision_function": rival.decision_function,
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
        f"## Whole `fit`, {N_ROWS:,} × {N_FEATURES}, batch {BATCH}, {EPOCHS} epochs",
        *(t.to_markdown() for t in training_tables(options.repeats)),
        *scoring_sections(options.repeats),
        f"## Peak memory beyond the data, {N_SCORED:,} × {N_FEATURES} float32",
        memory_table().to_markdown(index=False),
    )


if __name__ == "__main__":
    main()
