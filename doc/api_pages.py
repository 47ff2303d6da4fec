"""Pages of the API: the summary first, then parameters and methods in groups.

An extension of Sphinx. The templates in ``templates/autosummary`` get the groups of methods; what
numpydoc has rendered is put in order once a page is read. So are authors of references.
"""

import importlib
import inspect
import pkgutil
import re
from itertools import takewhile

import torch
from docutils import nodes
from numpydoc.docscrape import ClassDoc
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    OutlierMixin,
    TransformerMixin,
)
from sphinx import addnodes

import skdeepad
from skdeepad.base import AcceptsMissing, BaseDetector, CommonParameters, StopsEarly

#: Parameters that detectors share, whether their default is the common one or not.
SHARED = {
    name
    for base in (CommonParameters, StopsEarly, AcceptsMissing)
    for name in inspect.signature(base).parameters
}
#: Base classes of other libraries, from which methods are documented there.
FOREIGN = (
    TransformerMixin,
    ClassNamePrefixFeaturesOutMixin,
    ClassifierMixin,
    OutlierMixin,
    BaseEstimator,
)
ROUTING = re.compile("get_metadata_routing|set_.*_request")


def public_classes():
    """Pairs of a public path, as ``skdeepad.metrics.ConsensusScorer``, and a class."""
    parts = [part.name for part in pkgutil.iter_modules(skdeepad.__path__)]
    modules = [importlib.import_module(f"skdeepad.{part}") for part in parts if part[0] != "_"]
    for module in (skdeepad, *modules):
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if inspect.isclass(value):
                yield f"{module.__name__}.{name}", value


def owner(cls, name):
    """Class of the hierarchy that has the definition of an attribute."""
    return next(base for base in cls.__mro__ if name in vars(base))


def groups_of_members(cls):
    """Names of own methods, of those of all detectors, and references to foreign ones."""
    module = issubclass(cls, torch.nn.Module)
    groups = {"attributes": [], "own": [], "shared": [], "foreign": [], "module": module}
    described = {field.name for field in ClassDoc(cls)["Attributes"]}
    for name, value in inspect.getmembers(cls):
        if name.startswith("_") or ROUTING.fullmatch(name):
            continue
        home = owner(cls, name)
        if not home.__module__.startswith("skdeepad"):
            if inspect.isfunction(value) and not module:
                groups["foreign"].append(reference(home, name))
        elif isinstance(value, property):
            if name not in described and value.__doc__:
                groups["attributes"].append(name)
        elif inspect.isroutine(value) and (value.__doc__ or not module):
            inherited = home is not cls and issubclass(BaseDetector, home)
            groups["shared" if inherited else "own"].append(name)
    return groups


def reference(home, name):
    """Role that refers to a method of a class of scikit-learn."""
    known = next((base for base in FOREIGN if issubclass(base, home)), None)
    if known is None:
        return f"``{name}``"
    return f":meth:`~sklearn.base.{known.__name__}.{name}`"


def add_groups(app, config):
    """Give the templates the members of each class."""
    groups = {path: groups_of_members(cls) for path, cls in public_classes()}
    config.autosummary_context = {"groups": groups}


def order_page(app, doctree):
    """Put the summary before the signature, and shared parameters behind a detector's own."""
    if not app.env.docname.startswith("generated/"):
        return
    description = next(doctree.findall(addnodes.desc), None)
    if description is None:
        return
    content = description[-1]
    summary = next(iter(content.children), None)
    if isinstance(summary, nodes.paragraph):
        content.remove(summary)
        description.parent.insert(description.parent.index(description), summary)
    name = description[0]["fullname"]
    cls = getattr(skdeepad, name, None)
    if inspect.isclass(cls) and issubclass(cls, BaseDetector):
        for field in list(content.findall(nodes.field)):
            if field[0].astext() == "Parameters":
                split_parameters(field)


def split_parameters(field):
    """Move the parameters that detectors share from a field into one behind it."""
    entries = next(field.findall(nodes.definition_list))
    shared = [entry for entry in entries if name_of(entry) in SHARED]
    if not shared or len(shared) == len(entries):
        return
    for entry in shared:
        entries.remove(entry)
    body = nodes.field_body("", nodes.definition_list("", *shared, **entries.attributes))
    behind = nodes.field("", nodes.field_name("", "Parameters shared with other detectors"), body)
    field.parent.insert(field.parent.index(field) + 1, behind)


def name_of(entry):
    """Name of the parameter that an entry describes."""
    return "".join(takewhile(lambda c: c.isalnum() or c == "_", entry[0].astext()))


def restore_initials(app, doctree):
    """Turn what was read as a list numbered by letters, as "D. P. Kingma", back into a name."""
    for listing in reversed(list(doctree.findall(nodes.enumerated_list))):
        if listing["enumtype"] in ("upperalpha", "upperroman"):
            number = listing.get("start", 1)
            initial = chr(64 + number) if listing["enumtype"] == "upperalpha" else "I"
            (item,) = listing
            item[0].insert(0, nodes.Text(f"{initial}. "))
            listing.replace_self(item.children)


def setup(app):
    """Connect to Sphinx."""
    app.connect("config-inited", add_groups)
    app.connect("doctree-read", order_page)
    app.connect("doctree-read", restore_initials)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
