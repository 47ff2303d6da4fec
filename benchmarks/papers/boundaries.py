"""Boundaries of one and of two modes, by the flow and by the closed form (BDSGM).

Run ``python benchmarks/papers/boundaries.py``. Rows have two features and are not scaled. The page
comes with four pictures, as the slides have them: boundaries with their densities, the boundary in
training, the loss and its terms by epoch, and sample sizes M by batch sizes N. ``--quick`` is a
trial of few steps.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _path import study
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from skdeepad import BDSGM
from skdeepad.inspection import BoundaryDisplay

N_ROWS, N_SHOWN, N_DRAWN = 4096, 500, 1000
STAGES = (2, 20, 100, 1000)
SIZES = {"M": (64, 256, 1024), "N": (32, 256)}
TERMS, SYMBOLS = ("density", "distance", "dispersion"), ("L₀", "L₁", "L₂")


class TwoModes:
    """Density of a mixture of two Gaussians, for rows and for tensors."""

    def __init__(self):
        modes = Normal(torch.tensor([[-3.0, 0.0], [3.0, 0.0]]).double(), 0.5**0.5)
        self.mixture = MixtureSameFamily(Categorical(torch.ones(2)), Independent(modes, 1))

    def log_density(self, x):
        return self.mixture.log_prob(x)

    def score_samples(self, X):
        return self.log_density(torch.as_tensor(X)).numpy()


def made_up():
    """Rows of each distribution, and its density in closed form."""
    rng = np.random.RandomState(0)
    normal = rng.standard_normal((N_ROWS, 2))
    two_modes = 0.5**0.5 * normal
    two_modes[:, 0] += rng.choice([-3, 3], N_ROWS)
    return {
        "standard normal": (normal, "gaussian"),
        "correlated": (normal @ np.transpose([[1, 0], [0.8, 0.6]]) + [1, -1], "gaussian"),
        "two modes": (two_modes, TwoModes()),
    }


def scatter(ax, rows, detector, title):
    ax.scatter(*rows[:N_SHOWN].T, s=3, color="silver")
    ax.scatter(*detector.sample_boundary(N_DRAWN, random_state=0).T, s=5, color="tab:orange")
    ax.set(title=title, aspect="equal")


def draw_boundaries(data, fitted):
    figure, axes = plt.subplots(2, 3, figsize=(14, 7), width_ratios=[4, 4, 7], layout="constrained")
    for line, (kind, detectors) in zip(axes, fitted.items(), strict=True):
        for ax, (name, detector) in zip(line, detectors.items(), strict=True):
            display = BoundaryDisplay.from_estimator(
                detector, data[name][0][:N_SHOWN], response="density", random_state=0, ax=ax
            )
            display.ax_.get_legend().remove()
            outside = detector.boundary_false_alarm_rate_
            ax.set(title=f"{name}, {kind}\n{outside:.1%} of the rows outside", aspect="equal")
    return figure


def draw_stages(data, stages):
    figure, axes = plt.subplots(
        2, len(stages), figsize=(14, 5.5), layout="constrained", sharex="row", sharey="row"
    )
    for line, name in zip(axes, ("standard normal", "two modes"), strict=True):
        rows, density = data[name]
        for ax, n_steps in zip(line, stages, strict=True):
            det = BDSGM(density=density, scaler=None, generator_steps=n_steps, random_state=0)
            scatter(ax, rows, det.fit(rows), f"{n_steps} steps")
    return figure


def draw_losses(fitted):
    figure, axes = plt.subplots(2, 4, figsize=(14, 5.5), layout="constrained", sharex=True)
    titles = {"train_loss": "loss L"} | {
        term: f"{symbol}, {term}" for symbol, term in zip(SYMBOLS, TERMS, strict=True)
    }
    for line, (kind, detectors) in zip(axes, fitted.items(), strict=True):
        for ax, (key, title) in zip(line, titles.items(), strict=True):
            for name, detector in detectors.items():
                values = detector.boundary_history_[key]
                ax.plot(np.arange(1, len(values) + 1), values, label=name)
            ax.set(title=f"{title}, {kind}", xlabel="epoch")
    axes[0, 0].legend()
    return figure


def draw_sizes(rows, n_steps):
    figure, axes = plt.subplots(
        2, 3, figsize=(11, 7.5), layout="constrained", sharex=True, sharey=True
    )
    for line, n_batch in zip(axes, SIZES["N"], strict=True):
        for ax, n_reference in zip(line, SIZES["M"], strict=True):
            detector = BDSGM(
                density="gaussian",
                scaler=None,
                reference_batch_size=n_reference,
                generator_batch_size=n_batch,
                generator_steps=n_steps,
                random_state=0,
            ).fit(rows)
            outside = detector.boundary_false_alarm_rate_
            title = f"M = {n_reference}, N = {n_batch}: {outside:.1%} outside"
            scatter(ax, rows, detector, title)
    return figure


def row(kind, name, detector, seconds):
    history = detector.boundary_history_
    return {
        "rows": name,
        "density": kind,
        "outside, %": 100 * detector.boundary_false_alarm_rate_,
        "log τ": detector.log_density_threshold_,
        "L": history["train_loss"][-1],
        **{symbol: history[term][-1] for symbol, term in zip(SYMBOLS, TERMS, strict=True)},
        "s of CPU": seconds,
    }


def main():
    parser = study.make_parser(__doc__)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    n_steps, flow_steps = (100, 100) if options.quick else (1000, 1000)
    torch.set_num_threads(1)
    plt.switch_backend("agg")
    data, fitted, table = made_up(), {"flow": {}, "closed form": {}}, []
    for kind, detectors in fitted.items():
        for name, (rows, density) in data.items():
            detector = BDSGM(
                density="flow" if kind == "flow" else density,
                scaler=None,
                max_steps=flow_steps,
                generator_steps=n_steps,
                random_state=0,
            )
            detectors[name], seconds = study.timed(detector.fit, rows)
            table.append(row(kind, name, detectors[name], seconds))
    stages = [stage for stage in STAGES if stage <= n_steps]
    figures = {
        "boundaries": draw_boundaries(data, fitted),
        "stages": draw_stages(data, stages),
        "losses": draw_losses(fitted),
        "sizes": draw_sizes(data["standard normal"][0], n_steps),
    }
    for name, figure in figures.items():
        figure.savefig(study.output_file(options.output, f"-{name}.png"), dpi=70)
    study.write_page(
        options.output,
        "Boundaries of the support",
        f"{N_ROWS:,} rows of two features, {n_steps:,} steps of the generator, seed 0. *Outside* "
        "are training rows below the level τ; the terms are those of the last epoch, without "
        "weights.",
        pd.DataFrame(table).to_markdown(index=False, floatfmt=".3g"),
        "The slides have pictures and no figures. Their norms are plain; with these the boundary "
        "does not close, and they are squared here.",
        sets=[],
    )


if __name__ == "__main__":
    main()
