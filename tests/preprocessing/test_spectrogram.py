"""Frames of a series: amplitudes as scipy has them, and their place in time."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import spectrogram
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skdeepad import VAE, AutoEncoder
from skdeepad.datasets import fetch_nab
from skdeepad.metrics import anomaly_roc_auc
from skdeepad.preprocessing import SpectrogramTransformer

# What a transformer of rows in, the same rows out is checked for.
PRESUME_EQUAL_ROWS = dict.fromkeys(
    [
        "check_transformer_data_not_an_array",
        "check_transformer_general",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
    ],
    "the rows of the output are frames, which are several samples in their order",
)


def series(n_samples=200, n_series=1):
    return np.random.RandomState(0).randn(n_samples, n_series).cumsum(axis=0)


def test_all_checks_of_scikit_learn_hold_but_those_that_presume_equal_rows():
    results = check_estimator(
        SpectrogramTransformer(window_length=4, hop=2),
        expected_failed_checks=PRESUME_EQUAL_ROWS,
        on_skip=None,
        on_fail="raise",
    )
    xfailed = {result["check_name"] for result in results if result["status"] == "xfail"}
    assert xfailed == set(PRESUME_EQUAL_ROWS)
    assert sum(result["status"] == "passed" for result in results) > 30


@pytest.mark.parametrize("window_length", [24, 25])
@pytest.mark.parametrize("hop", [1, 7, 25])
@pytest.mark.parametrize("window", ["hann", ("tukey", 0.25)])
@pytest.mark.parametrize("detrend", [None, "constant", "linear"])
def test_amplitudes_are_those_of_scipys_spectrogram(window_length, hop, window, detrend):
    hop, X = min(hop, window_length), series()
    frequencies, centers, amplitudes = spectrogram(
        X[:, 0],
        window=window,
        nperseg=window_length,
        noverlap=window_length - hop,
        mode="magnitude",
        detrend=detrend or False,
    )
    transformer = SpectrogramTransformer(
        window_length=window_length, hop=hop, window=window, detrend=detrend, log=False
    ).fit(X)
    np.testing.assert_allclose(transformer.transform(X), amplitudes.T, atol=1e-12)
    np.testing.assert_allclose(transformer.frequencies_, frequencies)
    np.testing.assert_array_equal(transformer.frame_centers(len(X)), np.floor(centers))


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("k", [3, 10, 20])
def test_frames_of_a_sine_peak_at_its_frequency(k, log):
    X = np.sin(2 * np.pi * k / 64 * np.arange(400))[:, None]
    transformer = SpectrogramTransformer(log=log).fit(X)
    peaks = transformer.frequencies_[transformer.transform(X).argmax(axis=1)]
    np.testing.assert_array_equal(peaks, k / 64)


def test_an_amplitude_by_hand():
    X = np.array([[1.0], [2.0], [4.0], [8.0]])
    transformer = SpectrogramTransformer(window_length=2, hop=2, window="boxcar", log=False).fit(X)
    expected = np.array([[3, 1], [12, 4]]) / np.sqrt(2)  # |x0 + x1|, |x0 - x1|
    np.testing.assert_allclose(transformer.transform(X), expected)
    transformer.set_params(log=True, log_offset=0.5)
    np.testing.assert_allclose(transformer.fit(X).transform(X), np.log(expected + 0.5))


def test_silence_has_finite_logarithms():
    X = np.zeros((80, 1))
    assert np.unique(SpectrogramTransformer().fit(X).transform(X)).tolist() == [np.log(1e-3)]


def test_several_series_stand_beside_one_another():
    X = series(n_series=3)
    transformer = SpectrogramTransformer()
    both = transformer.fit(X).transform(X)
    alone = [clone(transformer).fit(X[:, [j]]).transform(X[:, [j]]) for j in range(3)]
    np.testing.assert_array_equal(both, np.hstack(alone))


def test_columns_are_named_after_series_and_frequency():
    X = pd.DataFrame(series(n_series=2), columns=["cpu", "net"])
    transformer = SpectrogramTransformer(window_length=4, hop=4).fit(X)
    names = ["cpu_f0", "cpu_f1", "cpu_f2", "net_f0", "net_f1", "net_f2"]
    assert transformer.get_feature_names_out().tolist() == names
    assert transformer.transform(X).shape[1] == len(names)
    unnamed = SpectrogramTransformer(window_length=2, hop=1).fit(X.to_numpy())
    assert unnamed.get_feature_names_out().tolist() == ["x0_f0", "x0_f1", "x1_f0", "x1_f1"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        transformer.get_feature_names_out(["a", "b"])


@pytest.mark.parametrize("n_samples", [64, 79, 80, 81, 200])
def test_a_frame_depends_on_the_samples_in_its_bounds_and_no_others(n_samples):
    X = series(n_samples)
    transformer = SpectrogramTransformer().fit(X)
    frames, bounds = transformer.transform(X), transformer.frame_bounds(n_samples)
    assert len(frames) == len(bounds)
    assert 0 <= n_samples - bounds[-1, 1] < transformer.hop
    for frame, (start, stop) in zip(frames, bounds, strict=True):
        (alone,) = transformer.transform(X[start:stop])
        np.testing.assert_allclose(alone, frame, rtol=1e-12, atol=1e-12)


def test_centres_are_in_the_middle_of_the_bounds():
    transformer = SpectrogramTransformer(window_length=5, hop=2).fit(series())
    assert transformer.frame_bounds(9).tolist() == [[0, 5], [2, 7], [4, 9]]
    assert transformer.frame_centers(9).tolist() == [2, 4, 6]


@pytest.mark.parametrize(
    "convert", [np.array, lambda y: np.array(y) == 1, lambda y: 1 - 2 * np.array(y), list]
)
def test_a_frame_is_anomalous_when_one_of_its_samples_is(convert):
    y = [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]
    transformer = SpectrogramTransformer(window_length=3, hop=2).fit(series())
    assert transformer.frame_labels(convert(y)).tolist() == [0, 1, 1, 0, 1]
    assert transformer.frame_labels(convert(y[:-1])).tolist() == [0, 1, 1, 0]


def test_a_detector_behind_it_scores_the_frames_of_a_series():
    t = np.arange(1200)
    X = np.sin(2 * np.pi * t / 16) + 0.1 * np.random.RandomState(0).randn(len(t))
    X[900:964] = np.sin(2 * np.pi * t[900:964] / 6)
    pipeline = make_pipeline(
        SpectrogramTransformer(window_length=32, hop=8), AutoEncoder(n_latent=2, random_state=0)
    ).fit(X[:600, None])
    labels = pipeline[0].frame_labels((t >= 900) & (t < 964))
    assert anomaly_roc_auc(labels, pipeline.score_samples(X[:, None])) > 0.95
    assert pipeline.predict(X[:, None]).shape == labels.shape


def test_a_frame_of_the_user_is_taken_and_nothing_of_it_changed():
    X = pd.DataFrame({"value": series()[:, 0]}, index=pd.date_range("2024", periods=200))
    before = X.copy()
    frames = SpectrogramTransformer().fit(X).transform(X)
    pd.testing.assert_frame_equal(X, before)
    np.testing.assert_array_equal(
        frames, SpectrogramTransformer().fit(series()).transform(series())
    )


def test_no_index_of_samples_is_given_to_frames():
    X = pd.DataFrame({"value": series()[:, 0]})
    assert not hasattr(SpectrogramTransformer(), "set_output")
    with config_context(transform_output="pandas"):
        assert isinstance(SpectrogramTransformer().fit(X).transform(X), np.ndarray)


def test_a_series_shorter_than_a_frame_is_refused():
    transformer = SpectrogramTransformer().fit(series())
    message = r"A series of 63 samples is too short: it must have at least window_length=64"
    for method in (transformer.fit, transformer.transform):
        with pytest.raises(ValueError, match=message):
            method(series(63))
    with pytest.raises(ValueError, match=message):
        transformer.frame_labels(np.zeros(63))


def test_what_is_set_after_fit_waits_for_the_next_fit():
    transformer = SpectrogramTransformer(window_length=16, hop=4).fit(series())
    frames, bounds = transformer.transform(series()), transformer.frame_bounds(200)
    transformer.set_params(window_length=32, hop=8)
    np.testing.assert_array_equal(transformer.transform(series()), frames)
    np.testing.assert_array_equal(transformer.frame_bounds(200), bounds)
    assert len(transformer.fit(series()).transform(series())) < len(frames)


def test_missing_values_are_refused():
    X = series()
    X[7] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        SpectrogramTransformer().fit(X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        SpectrogramTransformer().fit(series()).transform(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"hop": 65},
            "hop=65 leaves samples out of all frames: it must be at most window_length=64",
        ),
        ({"window": "round"}, r"window='round' must be a window for scipy\.signal\.get_window"),
        ({"window": ("tukey", "flat")}, r"window=\('tukey', 'flat'\) must be a window"),
        ({"window": ()}, r"window=\(\) must be a window"),
        ({"window": ("gaussian", 0)}, r"window=\('gaussian', 0\) has values that are not finite"),
        ({"window_length": 1}, "'window_length' parameter of SpectrogramTransformer must be"),
        ({"detrend": "cubic"}, "'detrend' parameter of SpectrogramTransformer must be"),
        ({"log_offset": 0.0}, "'log_offset' parameter of SpectrogramTransformer must be"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_value(params, message):
    with pytest.raises(ValueError, match=message):
        SpectrogramTransformer(**params).fit(series())


@pytest.mark.parametrize("n_samples", [100.5, "a", True])
def test_a_length_is_an_int(n_samples):
    with pytest.raises(ValueError, match=f"n_samples={n_samples!r} must be an int"):
        SpectrogramTransformer().fit(series()).frame_bounds(n_samples)


def test_a_series_too_large_for_its_amplitudes_is_refused():
    with pytest.raises(ValueError, match=r"X is too large: its largest absolute value is 1e\+308"):
        SpectrogramTransformer().fit_transform(np.full((200, 1), 1e308))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "log", "low", "high"),
    [("jumpsup", True, 0.7, 1), ("nojump", True, 0.5, 1), ("nojump", False, 0, 0.4)],
)
def test_quiet_anomalies_of_nab_need_logarithms(name, log, low, high, seed, shared_data):
    """A small input has a small score: plain amplitudes below the usual look normal."""
    nab = fetch_nab(f"art_daily_{name}", download_if_missing=False)
    transformer = SpectrogramTransformer(window_length=96, hop=12, log=log)  # eight hours, one
    frames, labels = (
        transformer.fit(nab.data).transform(nab.data),
        transformer.frame_labels(nab.target),
    )
    n_train = int(0.4 * len(frames))
    assert not labels[:n_train].any()
    detector = VAE(
        hidden_layer_sizes=(32, 16),
        n_latent=2,
        likelihood="gaussian",
        anomaly_score="reconstruction_probability",
        max_epochs=150,
        random_state=seed,
    ).fit(frames[:n_train])
    auc = anomaly_roc_auc(labels[n_train:], detector.score_samples(frames[n_train:]))
    assert low <= auc <= high


def test_parameters_that_change_after_fit_are_checked():
    series = np.sin(np.arange(300) / 3)[:, None]
    spectrogram = SpectrogramTransformer().fit(series)
    with pytest.raises(ValueError, match="'log_offset' parameter of SpectrogramTransformer"):
        spectrogram.set_params(log_offset=-1).transform(series)
