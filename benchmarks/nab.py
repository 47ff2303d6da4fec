"""Anomalies in time: detectors on the spectrograms of NAB's artificial series.

Run ``SKDEEPAD_DATA=... python benchmarks/nab.py``: frames of eight hours and of a day, one begins
each hour; training on the first 40 percent of them, which no labelled window meets; seeds 1 to 3.
"""

import numpy as np
import pandas as pd
from _study import make_parser, require_data, write_page

from skdeepad import VAE, AutoEncoder, AuxiliaryVAE, LadderVAE
from skdeepad.datasets import fetch_nab, list_nab
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.preprocessing import SpectrogramTransformer

COMMON = {"hidden_layer_sizes": (32, 16), "n_latent": 2, "max_epochs": 150}
LADDER = {"hidden_layer_sizes": (32, 16), "n_latent": (4, 2), "max_epochs": 150}
PROBABILITY = {"likelihood": "gaussian", "anomaly_score": "reconstruction_probability"}
# Class and parameters; a new row adds two columns to the tables.
DETECTORS = {
    "AutoEncoder": (AutoEncoder, COMMON),
    "VAE": (VAE, COMMON | PROBABILITY),
    "VAE, defaults": (VAE, {}),
    "AuxiliaryVAE": (AuxiliaryVAE, COMMON | PROBABILITY),
    "LadderVAE": (LadderVAE, LADDER | PROBABILITY),
    "LadderVAE, KL": (LadderVAE, LADDER | {"likelihood": "gaussian", "anomaly_score": "kl"}),
}
AMPLITUDES = {"linear": False, "log": True}
HOURS = (8, 24)
SAMPLES_PER_HOUR = 12
SEEDS = (1, 2, 3)
TRAINING_SHARE = 0.4


def spectrogram(nab, hours, log):
    """Frames of a series and their labels."""
    transformer = SpectrogramTransformer(
        window_length=SAMPLES_PER_HOUR * hours, hop=SAMPLES_PER_HOUR, log=log
    )
    return transformer.fit(nab.data).transform(nab.data), transformer.frame_labels(nab.target)


def study(name, hours):
    """Return the row of the table for a series."""
    nab = fetch_nab(name)
    amplitudes, labels = spectrogram(nab, hours, log=False)
    n_train = int(TRAINING_SHARE * len(labels))
    assert not labels[:n_train].any()
    test, inside = amplitudes[n_train:], labels[n_train:] == 1
    row = {
        ("amplitude", "inside"): test[inside].mean(),
        ("amplitude", "outside"): test[~inside].mean(),
    }
    for detector, (cls, params) in DETECTORS.items():
        for spelled, log in AMPLITUDES.items():
            frames, _ = spectrogram(nab, hours, log)
            aucs = [
                anomaly_roc_auc(
                    inside,
                    cls(**params, random_state=seed)
                    .fit(frames[:n_train])
                    .score_samples(frames[n_train:]),
                )
                for seed in SEEDS
            ]
            row[detector, spelled] = 100 * np.mean(aucs)
    return row


def table(hours):
    """Spell the table of a frame length."""
    names = [name for name in list_nab() if name.startswith("artificialWithAnomaly/")]
    values = pd.DataFrame({name.partition("/art_")[2]: study(name, hours) for name in names}).T
    values.loc["mean"] = values.drop(columns="amplitude", level=0).mean()
    values.columns = [", ".join(column) for column in values.columns]
    spelled = values.map(lambda value: "" if np.isnan(value) else f"{value:.1f}")
    return spelled.to_markdown(floatfmt=".1f")


def main():
    options = make_parser(__doc__).parse_args()
    require_data("NAB")
    write_page(
        options.output,
        "NAB's artificial series",
        "mean AUCROC in percent over seeds 1 to 3 of the frames behind the training ones, by plain "
        "amplitudes (linear) and by their logarithms; and the mean plain amplitude of the frames "
        "that meet a labelled window, and of the others. Windows cover many frames that look "
        "normal, so that 100 is out of reach.",
        *(f"## Frames of {hours} hours\n\n{table(hours)}" for hours in HOURS),
        sets=["NAB"],
    )


if __name__ == "__main__":
    main()
