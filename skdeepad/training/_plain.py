"""States of torch objects as arrays and plain values."""

import numpy as np
import torch


def as_plain(value):
    """Return a value with arrays in place of tensors, and Python's numbers in place of numpy's."""
    if isinstance(value, dict):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(as_plain, value))
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    return value.item() if isinstance(value, np.generic) else value


def as_tensors(value):
    """Return a value with tensors in place of arrays."""
    if isinstance(value, dict):
        return {key: as_tensors(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(map(as_tensors, value))
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value
