"""``benchmarks/_study.py`` for the scripts of this folder, which can't import it by its name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))

import _study as study

__all__ = ["study"]
