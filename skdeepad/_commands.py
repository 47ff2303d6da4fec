"""Commands that are installed with the package, also without the packages that they need."""

import sys


def benchmark() -> int:
    """Run ``skdeepad-benchmark``; return its exit status, 2 if a package is missing."""
    try:
        from .benchmark.__main__ import main
    except ImportError as error:
        sys.stderr.write(f"skdeepad-benchmark: {error}\n")
        return 2
    except KeyboardInterrupt:  # the import takes seconds
        sys.stderr.write("\nInterrupted\n")
        return 130
    return main()
