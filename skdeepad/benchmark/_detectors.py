"""Detectors by name, built for a seed and read with one sign, whoever wrote them."""

import ast
import difflib
import importlib
import inspect
import re
from collections.abc import Iterable, Mapping

import numpy as np
from sklearn.base import clone, is_classifier

from .._validation import innermost, last_step
from ..base._seeds import seeds_of
from ..interop._foreign import is_pyod, rebuilt, seeded
from ._norm import Norm

PYOD_MODULES = {
    "ABOD": "abod",
    "AE1SVM": "ae1svm",
    "ALAD": "alad",
    "AnoGAN": "anogan",
    "AutoEncoder": "auto_encoder",
    "CBLOF": "cblof",
    "COF": "cof",
    "COPOD": "copod",
    "DIF": "dif",
    "DeepSVDD": "deep_svdd",
    "DevNet": "devnet",
    "ECOD": "ecod",
    "GMM": "gmm",
    "HBOS": "hbos",
    "IForest": "iforest",
    "INNE": "inne",
    "KDE": "kde",
    "KNN": "knn",
    "KPCA": "kpca",
    "LODA": "loda",
    "LOF": "lof",
    "LUNAR": "lunar",
    "MCD": "mcd",
    "MO_GAAL": "mo_gaal",
    "OCSVM": "ocsvm",
    "PCA": "pca",
    "SOD": "sod",
    "SOS": "sos",
    "SO_GAAL": "so_gaal",
    "Sampling": "sampling",
    "VAE": "vae",
    "XGBOD": "xgbod",
}
# A detector that asks is answered so many questions at a time.
QUESTIONS = 10
SKLEARN_MODULES = {
    "EllipticEnvelope": "sklearn.covariance",
    "HistGradientBoostingClassifier": "sklearn.ensemble",
    "IsolationForest": "sklearn.ensemble",
    "LocalOutlierFactor": "sklearn.neighbors",
    "LogisticRegression": "sklearn.linear_model",
    "OneClassSVM": "sklearn.svm",
}


def own_detectors():
    """Name and class of skdeepad's own detectors."""
    from skdeepad import LeSiNN, all_detectors
    from skdeepad.feedback import FeedbackDetector

    return dict(all_detectors()) | {cls.__name__: cls for cls in (FeedbackDetector, LeSiNN)}


def detector_names():
    """Every short name, in the order in which they are looked up."""
    names = [*own_detectors(), "Norm"]
    names += [f"pyod.{name}" if name in names else name for name in PYOD_MODULES]
    return names + list(SKLEARN_MODULES)


def as_detectors(detectors):
    """Return detectors, given in any of the accepted forms, as a dictionary label → estimator."""
    if isinstance(detectors, Mapping):
        named = detectors.items()
    else:
        # An ensemble of scikit-learn's is iterable, too.
        is_one = isinstance(detectors, str) or hasattr(detectors, "fit")
        several = [detectors] if is_one or not isinstance(detectors, Iterable) else detectors
        named = [(None, given) for given in several]
    found = {}
    for label, given in named:
        text, estimator = (
            parse_detector(given) if isinstance(given, str) else (type(given).__name__, given)
        )
        if not hasattr(estimator, "fit"):
            raise TypeError(f"detectors={given!r}: pass names or estimators with a fit method")
        label = text if label is None else str(label)
        if label in found:
            raise ValueError(
                f"detectors holds the label {label!r} twice: name them in a dictionary, "
                "label → detector"
            )
        found[label] = estimator
    if not found:
        raise ValueError(f"detectors={detectors!r}: pass at least one name or estimator")
    return found


def parse_detector(text):
    """Read ``Name`` or ``Name(parameter=literal, ...)``; nothing in it is ever evaluated.

    Parameters
    ----------
    text : str
        A short name, ``pyod.Name``, ``sklearn.Name`` or a dotted path to a class, with keyword
        parameters that are Python literals.

    Returns
    -------
    label : str
        The text, with its spacing normalised.
    estimator : estimator
        The detector, not fitted.
    """
    accepted = "Name or Name(parameter=literal, ...), as in 'AutoEncoder(max_epochs=5)'"
    try:
        node = ast.parse(text.strip(), mode="eval").body
        call = node if isinstance(node, ast.Call) else ast.Call(node, [], [])
        name = ast.unparse(call.func)
        params = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"detectors={text!r} cannot be read: write {accepted}") from error
    if call.args or None in params or not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", name):
        raise ValueError(f"detectors={text!r} cannot be read: write {accepted}")
    cls = find_detector(name)
    if cls.__name__ == "LocalOutlierFactor" and not is_pyod(cls):
        params.setdefault("novelty", True)  # without it, no unseen row can be scored
    if "n_features" in _required(cls):
        params.setdefault("n_features", 1)  # replaced by the data's in `build`
    try:
        with seeded(0):  # some constructors of pyod seed the world
            return ast.unparse(node), cls(**params)
    except TypeError as error:
        raise ValueError(f"detectors={text!r}: {error}") from error


def find_detector(name):
    """Class of a detector by its short name or dotted path."""
    prefix, _, last = name.rpartition(".")
    own = own_detectors()
    if prefix in ("", "skdeepad") and last in own:
        return own[last]
    if not prefix and last == "Norm":
        return Norm
    if prefix in ("", "pyod") and last in PYOD_MODULES:
        return getattr(_import(f"pyod.models.{PYOD_MODULES[last]}"), last)
    if prefix in ("", "sklearn") and last in SKLEARN_MODULES:
        return getattr(importlib.import_module(SKLEARN_MODULES[last]), last)
    cls = getattr(_import(prefix), last, None) if "." in name else None
    if not (inspect.isclass(cls) and hasattr(cls, "fit")):
        near = difflib.get_close_matches(last, detector_names(), n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ValueError(
            f"detectors={name!r} is unknown: {hint}Pass one of {detector_names()}, "
            "or the dotted path of a class with a fit method"
        )
    return cls


def build(estimator, seed, n_features):
    """A fresh copy of `estimator` whose every ``random_state`` is `seed`.

    To be called, and its result to be fitted, where numpy's global state is seeded as well.
    """
    if is_pyod(type(estimator)):
        # Their random_state of None stays: ADBench's published forests drew from the global state,
        # and a number would start some streams twice and give other trees.
        return rebuilt(estimator, seed, n_features=n_features)
    estimator = clone(estimator)
    seeds = seeds_of(estimator)
    return estimator.set_params(**dict.fromkeys(seeds, seed)) if seeds else estimator


def fit_with_labels(detector, X, y):
    """Fit a detector to rows and labels in its own convention.

    Parameters
    ----------
    detector : estimator
        Ours, and what is made of ours, takes labels as they are; pyod's detectors and
        classifiers take 1 for a labelled anomaly and 0 for all other rows.
    X : ndarray of shape (n_samples, n_features)
        Training rows.
    y : ndarray of shape (n_samples,) or None
        -1 a labelled anomaly, 1 a labelled normal row, 0 an unlabelled row; None where there are no
        labels.
    """
    if y is not None:
        of_pyod = any(is_pyod(type(each)) for each in innermost(detector))
        as_two_classes = _classifies(detector) or of_pyod
        detector.fit(X, (y < 0).astype(int) if as_two_classes else y)
    elif _classifies(detector) or "y" in _required(detector.fit):
        raise TypeError(
            f"{type(detector).__name__} learns from labels, and the protocol gives none: use "
            "'adbench-5%' or another one that does"
        )
    else:
        detector.fit(X)


def asks(detector):
    """Whether a detector asks about rows, and learns from the answers."""
    return hasattr(detector, "query") and hasattr(detector, "teach")


def fit_with_answers(detector, X, truth, n_answers):
    """Fit a detector that asks, and answer its questions.

    Parameters
    ----------
    detector : estimator
        It has ``query`` and ``teach`` of :class:`~skdeepad.feedback.FeedbackDetector`.
    X : ndarray of shape (n_samples, n_features)
        Training rows.
    truth : ndarray of shape (n_samples,)
        -1 for an anomaly, 1 for a normal row.
    n_answers : int
        Number of questions, which are asked in rounds of ten.
    """
    detector.fit(X)
    for start in range(0, n_answers, QUESTIONS):
        rows = detector.query(min(QUESTIONS, n_answers - start))
        detector.teach(rows, truth[rows])


def _classifies(detector):
    """Whether it is a classifier; what is no estimator of scikit-learn's kind is none."""
    return hasattr(detector, "__sklearn_tags__") and is_classifier(detector)


def normality(detector, X):
    """Scores in scikit-learn's sign, the higher the more normal, whatever the detector's own."""
    if _classifies(detector):
        return -_anomaly_class(detector, X)
    last = last_step(detector)
    while hasattr(last, "best_estimator_"):
        last = last_step(last.best_estimator_)
    if is_pyod(type(last)):
        return -detector.decision_function(X)
    if hasattr(detector, "score_samples"):
        return detector.score_samples(X)
    return detector.decision_function(X)


def _anomaly_class(classifier, X):
    """How much rows belong to class 1, by probability if the classifier has one."""
    if hasattr(classifier, "predict_proba"):
        return classifier.predict_proba(X)[:, np.flatnonzero(classifier.classes_ == 1)[0]]
    return classifier.decision_function(X)


def describe(estimator):
    """The parameters that differ from their defaults, as text that is the same in every run."""
    defaults = inspect.signature(type(estimator)).parameters
    changed = {
        name: _stable_repr(value)
        for name, value in sorted(estimator.get_params(deep=False).items())
        if name not in ("random_state", "n_features")
        and not (name in defaults and _stable_repr(value) == _stable_repr(defaults[name].default))
    }
    return ", ".join(f"{name}={value}" for name, value in changed.items())


def identify(estimator):
    """The class and all parameters, defaults included, as text that is the same in every run."""
    cls, params = type(estimator), estimator.get_params(deep=False)
    settings = {k: _stable_repr(v) for k, v in sorted(params.items()) if k != "random_state"}
    return f"{cls.__module__}.{cls.__qualname__}({settings})"


def _stable_repr(value):
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return " ".join(text.split())


def _required(function):
    return [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
    ]


def _import(module):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if module.startswith("pyod"):
            missing = error.name.partition(".")[0]
            package = "'skdeepad[benchmark]'" if missing == "pyod" else missing
            raise ImportError(f"{module} needs {missing}: pip install {package}") from error
        raise ValueError(f"detectors: {module!r} cannot be imported: {error}") from error
