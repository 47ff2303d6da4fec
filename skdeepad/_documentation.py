"""Addresses of the documentation's pages, for messages and for the views of estimators."""

import os
import re
import sys

from sklearn.base import BaseEstimator

#: Address of the documentation. ``SKDEEPAD_DOCS`` names another copy; empty, it leaves links out.
DOCUMENTATION = os.environ.get("SKDEEPAD_DOCS", "https://skdeepad.readthedocs.io/en/stable")


def read_more(section: str, page: str) -> str:
    """Return the end of a message, which names a section of a page of the user guide.

    The name helps where the link does not: without a network, and in a copy of the pages.
    """
    end = f' See "{section}" in the user guide'
    if not DOCUMENTATION:
        return f"{end}."
    anchor = re.sub(r"[^a-z0-9]+", "-", section.lower()).strip("-")  # as docutils makes it
    return f"{end}: {_page(f'user_guide/{page}')}#{anchor}"


def missing_dependency(purpose: str, *names: str, extra: str) -> ImportError:
    """Return the error that something needs packages which are not installed."""
    needed, more = " and ".join(names), read_more("Extras", "install")
    return ImportError(f"{purpose} needs {needed}: pip install 'skdeepad[{extra}]'.{more}")


class DocumentedEstimator(BaseEstimator):
    """Estimator whose view in a notebook links to its page."""

    _doc_link_module = "skdeepad"

    @property
    def _doc_link_template(self) -> str:
        return _page("generated/{name}") if DOCUMENTATION else ""

    def _doc_link_url_param_generator(self) -> dict[str, str]:
        cls = type(self)
        package, part, *_ = cls.__module__.split(".")
        is_at_the_top = getattr(sys.modules[package], cls.__name__, None) is cls
        return {"name": ".".join([package, *([] if is_at_the_top else [part]), cls.__name__])}


def _page(name: str) -> str:
    return f"{DOCUMENTATION.rstrip('/')}/{name}.html"
