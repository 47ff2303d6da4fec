"""Pictures of the pages: ``python doc/figures.py [name ...]`` draws them to ``doc/images``."""

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.datasets import load_breast_cancer, load_digits, make_moons
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from skdeepad import AAE, EGBAD, VAE, WAE, AnoGAN, AutoEncoder, GANomaly, LadderVAE, LeSiNN
from skdeepad.inspection import feature_contributions
from skdeepad.training import seeded_generator

IMAGES = Path(__file__).parent / "images"


def latent_priors():
    """Codes of digits in the plane under no prior, a normal one and a ring of Gaussians."""
    X, y = load_digits(return_X_y=True)
    angles = torch.arange(8) * torch.pi / 4
    centers = 2 * torch.stack([angles.cos(), angles.sin()], 1)
    ring = MixtureSameFamily(Categorical(torch.ones(8)), Independent(Normal(centers, 0.2), 1))
    common = {"n_latent": 2, "max_steps": 4000, "trim": 0.0, "random_state": 0}
    scales = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    panels = {
        "no prior (WAE, λ = 0)": (WAE(divergence_weight=0.0, **common), None),
        "VAE": (VAE(**common), "normal"),
        "WAE, normal": (WAE(**common), "normal"),
        "AAE, normal": (AAE(**common), "normal"),
        "WAE, ring": (WAE(prior=ring, kernel_scales=scales, **common), ring),
        "AAE, ring": (AAE(prior=ring, **common), ring),
    }
    figure, axes = plt.subplots(2, 3, figsize=(9, 6.2), layout="constrained")
    for ax, (title, (detector, prior)) in zip(axes.flat, panels.items(), strict=True):
        codes = detector.fit(X).transform(X)
        if prior is not None:
            generator = seeded_generator(0)
            draws = torch.randn(1500, 2, generator=generator)
            if prior is ring:
                draws = detector.net_.module_.prior.draw(1500, generator)
            ax.scatter(*draws.T, s=4, color="0.8", linewidths=0)
        ax.scatter(*codes.T, s=5, c=y, cmap="tab10", linewidths=0)
        ax.set_title(title)
        ax.set_aspect("equal", "datalim")
    return figure


def ladder_layers():
    """How much each layer of a model of five carries, with and without warm-up."""
    X, _ = load_digits(return_X_y=True)
    sizes = {"n_latent": (16, 8, 4, 2, 2), "hidden_layer_sizes": (64, 64, 32, 32, 16)}
    variants = {
        "LadderVAE": {},
        "without warm-up": {"kl_warm_up_epochs": 0},
        "without batch norm": {"batch_norm": False},
    }
    figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    for i, (label, params) in enumerate(variants.items()):
        det = LadderVAE(max_steps=3000, random_state=0, **sizes, **params).fit(X)
        layers = np.arange(1, len(det.kl_per_layer_) + 1)
        ax.bar(layers + 0.27 * (i - 1), det.kl_per_layer_, width=0.25, label=label)
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set_xlabel("layer, from the data upwards")
    ax.set_ylabel("KL in nats")
    ax.legend(frameon=False)
    return figure


def adversarial():
    """Scores on half moons, and what generators make."""
    X, _ = make_moons(1000, noise=0.06, random_state=0)
    common = {"n_latent": 1, "max_steps": 4000, "trim": 0.0, "random_state": 0}
    game = {"gradient_penalty_weight": 0.1, "scaler": "standard", **common}
    panels = {
        "AnoGAN, search": AnoGAN(**game),
        "AnoGAN, encoder": AnoGAN(train_encoder=True, **game),
        "EGBAD": EGBAD(**game),
        "GANomaly": GANomaly(scaler="standard", **common),
        "GANomaly, contextual": GANomaly(anomaly_score="contextual", scaler="standard", **common),
        "AutoEncoder": AutoEncoder(hidden_layer_sizes=(64, 64), residual_scaling="plain", **common),
    }
    sides = np.linspace(-1.7, 2.7, 120), np.linspace(-1.3, 1.8, 90)
    grid = np.stack(np.meshgrid(*sides), -1).reshape(-1, 2)
    figure, axes = plt.subplots(2, 3, figsize=(9, 4.9), layout="constrained")
    for ax, (title, detector) in zip(axes.flat, panels.items(), strict=True):
        detector.fit(X)
        scores = -detector.score_samples(grid)
        ranks, scores = (v.reshape(90, 120) for v in (rankdata(scores), scores))
        made = detector.sample(500, 0) if hasattr(detector, "sample") else detector.reconstruct(X)
        ax.contourf(*sides, ranks, levels=20, cmap="Blues")
        ax.contour(*sides, scores, levels=[-detector.offset_], colors="black", linewidths=0.8)
        ax.scatter(*X[::2].T, s=3, color="white", linewidths=0)
        ax.scatter(*made[:500].T, s=3, color="tab:orange", linewidths=0)
        ax.set(title=title, xlim=sides[0][[0, -1]], ylim=sides[1][[0, -1]], xticks=[], yticks=[])
    return figure


def worst_rows():
    """The rows of a table that a detector finds most anomalous, with the reasons for each."""
    table, target = load_breast_cancer(return_X_y=True, as_frame=True)
    table = table.filter(regex="^mean ").rename(columns=lambda name: name.removeprefix("mean "))
    benign, malignant = (np.flatnonzero(target == label) for label in (1, 0))
    rows = np.sort(np.concatenate([benign, malignant[:20]]))  # the tumours that are looked for
    table, target = table.iloc[rows], target.iloc[rows]
    detector = LeSiNN(random_state=0).fit(table)
    worst = table.assign(score=detector.score_samples(table)).nsmallest(8, "score")
    reasons = feature_contributions(detector, worst[table.columns], as_frame=True)
    shares = reasons.clip(lower=0).pipe(lambda parts: parts.div(parts.sum(axis=1), axis=0))
    medians = table.median()
    figure, ax = plt.subplots(figsize=(9, 4), layout="constrained")
    colors = plt.get_cmap("Blues")
    for place, (row, values) in enumerate(worst.iterrows()):
        ax.text(-0.02, place, f"row {row}", ha="right", va="center", fontsize=10)
        for slot, (name, share) in enumerate(shares.loc[row].nlargest(3).items()):
            box = plt.Rectangle((slot / 3, place - 0.42), 0.326, 0.84, color=colors(1.2 * share))
            ax.add_patch(box)
            value, usual = (
                f"{v:.0f}" if v > 10 else f"{v:.2g}" for v in (values[name], medians[name])
            )
            text = f"{name} {value} (median {usual})"
            ax.text((slot + 0.49) / 3, place, text, ha="center", va="center", fontsize=8)
        kind = "benign" if target[row] else "malignant"
        ax.text(1.02, place, kind, va="center", fontsize=10, color=("C3", "0.4")[target[row]])
    ax.text(1.02, -0.8, "diagnosis, not used", va="center", fontsize=8, color="0.4")
    ax.text(-0.02, -0.8, "worst first", ha="right", va="center", fontsize=8, color="0.4")
    title = "the three columns that contribute most to the score; darker: a larger share of it"
    ax.text(0.49, -0.8, title, ha="center", va="center", fontsize=8, color="0.4")
    ax.set(xlim=(-0.12, 1.17), ylim=(len(worst) - 0.5, -1.1))
    ax.set_axis_off()
    return figure


FIGURES = {
    "worst_rows": worst_rows,
    "latent_priors": latent_priors,
    "ladder_layers": ladder_layers,
    "adversarial": adversarial,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(FIGURES), metavar="name")
    torch.set_num_threads(1)
    IMAGES.mkdir(exist_ok=True)
    for name in parser.parse_args().names:
        FIGURES[name]().savefig(IMAGES / f"{name}.png", dpi=110)


if __name__ == "__main__":
    main()
