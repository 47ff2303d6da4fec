"""Warnings that point to the line of the user's code."""

import contextlib
import os
import pickle
import sys
import warnings

import joblib
import sklearn
import skorch
import torch

# Code to skip between the user's line and the warning: this package and those that it uses.
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_BETWEEN = (_PACKAGE + os.sep,) + tuple(
    os.path.dirname(os.path.abspath(path)) + os.sep
    for path in (joblib.__file__, sklearn.__file__, skorch.__file__, torch.__file__)
)
_BETWEEN += tuple(os.path.abspath(module.__file__) for module in (contextlib, pickle))


def warn(message: str | Warning, category: type[Warning] = UserWarning) -> None:
    """Warn at the first calling line outside of this package and those that it uses."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and os.path.abspath(frame.f_code.co_filename).startswith(_BETWEEN):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
