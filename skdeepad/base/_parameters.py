"""Declaration of the parameters of estimators: default, accepted values and destination."""

from inspect import Parameter, Signature
from typing import Any, NamedTuple, dataclass_transform

from .._validation import Integral, Interval, Real, StrOptions

# Accepted values of many parameters.
LAYER_SIZES = ("array-like", Interval(Integral, 1, None, closed="left"))
COUNT = Interval(Integral, 1, None, closed="left")
COUNT_OR_ZERO = Interval(Integral, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")
SHARE_BELOW_ONE = Interval(Real, 0, 1, closed="left")
SHARE = Interval(Real, 0, 1, closed="both")
CONTAMINATION = (Interval(Real, 0, 0.5, closed="right"), {"auto"})
# Destinations of a value.
PLACES = ("estimator", "net", "module", "batches")


class Declared(NamedTuple):
    """A parameter as a class declares it."""

    default: Any
    accepted: tuple  #: constraints, as scikit-learn's parameter validation takes them
    to: str  #: "estimator", "net", "module" or "batches"
    resumes: bool  #: whether a fit that resumes takes a new value
    kw_only: bool  #: whether the parameter is given by name alone


class Fixed(NamedTuple):
    """Value of a parameter of the base class that this class does not have."""

    value: Any


def param(
    *accepted, default, to: str = "estimator", resumes: bool = False, kw_only: bool = True
) -> Any:
    """Declare a parameter in the body of a class with :func:`detector`.

    Parameters
    ----------
    *accepted : constraints or sets of str
        Accepted values, each as in scikit-learn's ``_parameter_constraints``; a set holds the
        accepted strings. Without any, the parameter accepts what that of the base class accepts, or
        any value if there is none.
    default : object
        Default value; it must be immutable.
    to : {"estimator", "net", "module", "batches"}, default="estimator"
        Destination of the value: the estimator alone, the skorch net, the torch module, or the
        iterator over the training batches. See ``BaseDetector._parameters_to``.
    resumes : bool, default=False
        Whether the value may change between fits with ``warm_start=True``. A change of any other
        parameter is ignored, with a warning.
    kw_only : bool, default=True
        Whether the parameter is given by name alone. Others come before those in the signature, and
        can be given by position as well.

    Returns
    -------
    declared : Declared
        Declaration for :func:`detector`.
    """
    if isinstance(default, list | dict | set):
        raise TypeError(f"default={default!r} is mutable, and all instances would share it.")
    if to not in PLACES:
        raise ValueError(f"to={to!r} must be one of {PLACES}.")
    accepted = tuple(StrOptions(a) if isinstance(a, set | frozenset) else a for a in accepted)
    return Declared(default, accepted, to, resumes, kw_only)


def fixed(value) -> Any:
    """Remove an inherited parameter from a class and fix its value."""
    return Fixed(value)


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(param,))
def detector(cls):
    """Add a constructor and constraints to a class, from the parameters that its body declares.

    A parameter is declared by ``name: type = param(..., default=value)``. Parameters of the base
    classes are inherited; a plain ``name = value`` in the body changes the default of one. New
    parameters come first in the signature; those of the base classes follow in the order of the
    ``__mro__``. All are keyword-only but for those declared with ``kw_only=False``.

    The classes are not dataclasses, because other libraries copy only the fields of a dataclass
    instance and would lose its fitted attributes.
    """
    if "__init__" in vars(cls):
        raise TypeError(
            f"{cls.__name__} has an __init__, which @detector would replace: declare its "
            "parameters by param(), or leave @detector away."
        )
    inherited: dict[str, Declared | Fixed] = {}
    for base in reversed(cls.__mro__[1:]):
        inherited = _over(inherited, vars(base).get("_declared", {}))
    own = {}
    for name, value in vars(cls).items():
        before = inherited.get(name)
        if isinstance(value, Declared) and not value.accepted:
            own[name] = value._replace(accepted=_accepted_before(cls, name))
        elif isinstance(value, Declared | Fixed):
            own[name] = value
        elif isinstance(before, Declared):
            own[name] = before._replace(default=value)
    for name, value in own.items():
        setattr(cls, name, value.value if isinstance(value, Fixed) else value.default)
    declared = {k: v for k, v in _over(inherited, own).items() if isinstance(v, Declared)}
    cls._declared, cls._parameters = own, declared
    cls._parameter_constraints = {
        name: list(parameter.accepted) or "no_validation" for name, parameter in declared.items()
    }
    cls.__init__ = _constructor(cls)
    return cls


def _accepted_before(cls, name: str) -> tuple:
    """Return what the nearest base class with a parameter of this name accepts."""
    declared = (vars(base).get("_declared", {}).get(name) for base in cls.__mro__[1:])
    return next((each.accepted for each in declared if isinstance(each, Declared)), ())


def _over(inherited: dict, own: dict) -> dict:
    """Put own declarations before inherited ones; redeclared parameters keep their place."""
    new = {name: value for name, value in own.items() if name not in inherited}
    return new | inherited | own


def _constructor(cls):
    """Return the ``__init__`` that stores the parameters of a class."""
    parameters = cls._parameters
    kinds = {
        name: Parameter.KEYWORD_ONLY if declared.kw_only else Parameter.POSITIONAL_OR_KEYWORD
        for name, declared in parameters.items()
    }
    signature = Signature(
        [Parameter("self", Parameter.POSITIONAL_ONLY)]
        + [
            Parameter(name, kinds[name], default=parameters[name].default)
            for name in sorted(parameters, key=kinds.get)
        ]
    )

    def __init__(self, *args, **kwargs):
        try:
            given = signature.bind(self, *args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{cls.__name__}(): {error}") from None
        for name in parameters:
            # A subclass without @detector may have an attribute in place of a default.
            setattr(self, name, given[name] if name in given else getattr(type(self), name))

    __init__.__signature__ = signature
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__
