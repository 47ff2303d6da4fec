"""Let the scripts of this folder import ``benchmarks/_study.py``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
