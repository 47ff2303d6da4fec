"""What setup.cfg can't say: the page of the package index has pictures by their addresses."""

import re
from pathlib import Path

from setuptools import setup

PICTURES = "https://skdeepad.readthedocs.io/en/stable/_images"

readme = (Path(__file__).parent / "README.rst").read_text(encoding="utf-8")
setup(
    long_description=re.sub(r"(\.\. image:: )\S+/", rf"\1{PICTURES}/", readme),
    long_description_content_type="text/x-rst",
)
