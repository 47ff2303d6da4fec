"""Fitted detectors and pipelines as ONNX models."""

import json
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from sklearn.pipeline import make_pipeline
from torch import Tensor, nn

from .._tables import types_of
from .._validation import last_step, own_offset
from .._version import __version__
from ..base import BaseDetector
from ..ensemble import DetectorEnsemble
from ..training import with_default_settings
from ._check import check_model
from ._decompositions import DECOMPOSITIONS
from ._module import Parts, ScoringModule, scores_of
from ._steps import OPSET, OUTPUTS, check_names, convert_steps, in_order, joined, need

# Rows of the example that is traced; the exporter takes 0 and 1 for constants.
N_EXAMPLE = 3
# Exporters change global state.
ONE_AT_A_TIME = threading.RLock()


class _Outputs(nn.Module):
    """Scores, decisions and labels of rows."""

    def __init__(self, module: ScoringModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        scores = self.module(x)
        decision = scores - self.module.offset
        return scores, decision, torch.where(decision >= 0, 1, -1)


def to_onnx(estimator, path=None, *, X=None):
    """Return a fitted detector, or a pipeline that ends in one, as an ONNX model.

    The model maps raw rows to three outputs of shape (batch,), for any number of rows: ``score`` is
    ``score_samples`` in float64, ``decision`` is ``decision_function`` in float64, and ``label`` is
    ``predict`` in int64. It needs neither Python nor this library, only a runtime for ONNX.

    Read more in the :ref:`User Guide <export>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    estimator : detector or Pipeline
        Fitted detector, as for :func:`to_module`, or a pipeline that ends in one and whose other
        steps ``skl2onnx`` converts. A ``ConformalDetector`` or a ``TunedThreshold`` may also hold
        the pipeline.
    path : str, Path or None, default=None
        File to write the model to.
    X : array-like of shape (n_samples, n_features) or None, default=None
        Rows as ``estimator`` takes them. Types and names of columns are read, and the model's
        scores of 64 rows spread over ``X``, and of as many with missing values, are compared with
        those of ``score_samples``. An array gives the model one input, ``X`` of shape (batch,
        n_features), and for a pipeline a data frame gives one input of shape (batch, 1) for each
        column. It has the column's name, in which characters other than letters and digits become
        underscores. A detector takes float64 numbers unless those of ``X`` are float32. A
        pipeline takes all numbers as float32, because runtimes have few of its operators in
        float64, and other columns as strings. A pipeline whose other steps are all
        ``"passthrough"`` has the inputs of its detector.

    Returns
    -------
    model : onnx.ModelProto
        The model, of opset 18.

    Raises
    ------
    ImportError
        If onnx, onnxscript, for a pipeline skl2onnx, or with ``X`` onnxruntime, is not installed:
        ``pip install 'skdeepad[onnx]'``.
    TypeError
        If ``estimator`` is none of the above.
    ValueError
        If the scores of the detector can't be computed by one pass through a net. These are
        :class:`~skdeepad.AnoGAN` without ``train_encoder``, the scores ``"decoder_nearest"`` and
        ``"jacodeco"`` of :class:`~skdeepad.VAE`, :class:`~skdeepad.BDSGM` with the density of
        another estimator, and :class:`~skdeepad.DetectorEnsemble` with ``combine="rank"``, but as
        the prior of a :class:`~skdeepad.feedback.FeedbackDetector` that knows an anomaly. Or if
        ONNX lacks an operation, such as the density of a rare prior; or if ``X`` has not the
        columns of ``fit``. Or if ``skl2onnx`` refuses a step of the pipeline or converts it
        wrongly, so that the model can't be run, or its scores of ``X`` are not those of
        ``score_samples``.

    See Also
    --------
    to_module : A detector as a torch module.

    Notes
    -----
    Scores differ from those of ``score_samples`` by rounding in float32, about 1e-6 of their size,
    and by more where numbers of float32 in ``X`` are much larger than their spread. Exports in
    several threads wait for one another.

    ``skl2onnx`` converts some steps wrongly without an error, for example an OrdinalEncoder or a
    PowerTransformer where values are missing. Give ``X`` to find it out.

    Rows with infinite values, and with missing ones unless ``missing="mask"``, which
    ``score_samples`` refuses, get scores that are not numbers or of no meaning.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import AutoEncoder
    >>> from skdeepad.export import to_onnx
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> det = AutoEncoder(max_epochs=20, random_state=0).fit(X)
    >>> model = to_onnx(det, "detector.onnx")  # doctest: +SKIP
    """
    need("onnx", "onnxscript")
    if X is not None:
        need("onnxruntime")
    parts = Parts(steps=[])
    module = ScoringModule(scores_of(estimator, parts), own_offset(last_step(estimator)))
    for detector in parts.detectors:
        _check_one_pass(detector)
    detector, steps = parts.detectors[0], parts.steps
    first = steps[0] if steps else detector
    X = in_order(first, X)
    if steps:
        check_names(X)
    types = [str(dtype).lower() for dtype in types_of(X)]
    is_double = not steps and not (types and all(dtype == "float32" for dtype in types))
    with ONE_AT_A_TIME, _quiet():
        model = _convert(module, detector, torch.float64 if is_double else torch.float32)
        if steps:
            model = joined(convert_steps(make_pipeline(*steps), X), model)
        _describe(model, detector, first)
        check_model(model, estimator, steps, X)
    if path is not None:
        Path(path).write_bytes(model.SerializeToString())
    return model


def _check_one_pass(detector) -> None:
    """Raise if scores take more than one pass through a net."""
    if isinstance(detector, DetectorEnsemble):
        reason = "combine='rank'" if detector._combined_by == "rank" else None
    elif isinstance(detector, BaseDetector):
        reason = detector._needs_more_than_a_pass()
    else:
        reason = None
    if reason is not None:
        raise ValueError(f"{type(detector).__name__} can't be exported to ONNX with {reason}.")


@with_default_settings
def _convert(module: ScoringModule, detector, dtype: torch.dtype):
    """Return the ONNX model of a detector."""
    example = torch.zeros(N_EXAMPLE, detector.n_features_in_, dtype=dtype)
    rows = {0: torch.export.Dim("batch")}
    try:
        program = torch.export.export(_Outputs(module).eval(), (example,), dynamic_shapes=(rows,))
        if any(node.target in DECOMPOSITIONS for node in program.graph.nodes):
            program = program.run_decompositions(DECOMPOSITIONS)
        converted = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["X"],
            output_names=OUTPUTS,
            verbose=False,
            optimize=False,  # fusing breaks the graph of a Bernoulli likelihood
        )
        optimizer = need("onnxscript.optimizer")
        optimizer.fold_constants(converted.model)
        optimizer.remove_unused_nodes(converted.model)
    except Exception as error:
        raise ValueError(
            f"The scores of {detector!r} have an operation that ONNX lacks, see the error above."
        ) from error
    return converted.model_proto


def _describe(model, detector, first_step) -> None:
    """Write to a model what made it."""
    import onnx

    model.producer_name, model.producer_version = "skdeepad", __version__
    model.doc_string = f"{type(detector).__name__} of skdeepad: score, decision and label of rows."
    names = getattr(first_step, "feature_names_in_", None)
    if names is not None:
        onnx.helper.set_model_props(model, {"feature_names": json.dumps(list(names))})
    parts = [model.graph, *model.graph.node, *model.graph.value_info, *model.functions]
    parts += [node for function in model.functions for node in function.node]
    for part in [*parts, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        del part.metadata_props[:]  # of torch, with the paths of its files


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep exporters from logging what they skip, and from warning of their own code."""
    loggers = [logging.getLogger(name) for name in ("torch", "torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
