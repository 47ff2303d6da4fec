"""Members of an ensemble: their names, parameters and weights, and what can be no member."""

from typing import Any
from zlib import crc32

import numpy as np
from sklearn.utils import Bunch, check_random_state, get_tags

from .._validation import check_is_fitted
from ..autoencoder import AutoEncoder

# Members of one kind if their number is not given.
N_ESTIMATORS = 5
# Seeds are below it.
N_SEEDS = 2**31 - 1


class MembersMixin:
    """Members that are clones of one estimator, or (name, estimator) pairs.

    The class has the parameters ``estimator``, ``n_estimators``, ``weights`` and ``random_state``.
    """

    @property
    def named_estimators_(self) -> Bunch:
        """Fitted members by their names, and ``"drop"`` for dropped ones."""
        check_is_fitted(self)
        if not self._is_kept:
            raise AttributeError("Members have names if estimator is a list of pairs.")
        fitted = iter(self.estimators_)
        return Bunch(
            **{name: next(fitted) if kept else "drop" for name, kept in self._is_kept.items()}
        )

    # Parameters of members --------------------------------------------------------------------

    def get_params(self, deep=True):
        """Return the parameters of the ensemble, and of its members.

        Parameters
        ----------
        deep : bool, default=True
            Whether to return also the named members, and the parameters of all members.

        Returns
        -------
        params : dict
            Values by names: ``"vae"`` is the member of this name, and ``"vae__lr"`` its ``lr``.
        """
        params = super().get_params(deep)
        for name, member in self._pairs() if deep else ():
            params[name] = member
            if hasattr(member, "get_params") and not isinstance(member, type):
                params |= {f"{name}__{key}": value for key, value in member.get_params().items()}
        return params

    def set_params(self, **params):
        """Set parameters of the ensemble and of its members, or replace named members.

        Parameters
        ----------
        **params : dict
            Values by names, as ``get_params`` returns them. ``"drop"`` in place of a member leaves
            it out, and parameters of a dropped member are ignored.

        Returns
        -------
        self : object
            The ensemble.
        """
        if "estimator" in params:
            self.estimator = params.pop("estimator")
        replaced = {name: params.pop(name) for name, _ in self._pairs() if name in params}
        if replaced:
            pairs = self._pairs()
            self.estimator = [(name, replaced.get(name, member)) for name, member in pairs]
        dropped = {name for name, member in self._pairs() if is_dropped(member)}
        return super().set_params(
            **{key: value for key, value in params.items() if key.split("__")[0] not in dropped}
        )

    def _pairs(self) -> list[tuple[str, Any]]:
        """Return the named members, unfitted; none if ``estimator`` is no list of pairs."""
        pairs = self.estimator if isinstance(self.estimator, list) else []
        return pairs if all(map(_is_pair, pairs)) else []

    def _prototypes(self) -> list:
        """Return what the members are clones of, or "drop"."""
        if isinstance(self.estimator, list):
            return [member for _, member in self._pairs()]
        prototype = AutoEncoder() if self.estimator is None else self.estimator
        return [prototype] * (self.n_estimators or N_ESTIMATORS)

    def _seeds(self, n_members: int) -> list[int]:
        rng = check_random_state(self.random_state)
        if not isinstance(self.estimator, list):
            return rng.randint(N_SEEDS, size=n_members).tolist()
        common = rng.randint(N_SEEDS)
        keys = [[common, crc32(name.encode())] for name, _ in self._pairs()]
        return [np.random.RandomState(key).randint(N_SEEDS) for key in keys]

    # Checks before training, and after --------------------------------------------------------

    def _check_members(self, prototypes: list) -> np.ndarray:
        """Return the weights of the members without dropped ones; raise if they can't combine."""
        if isinstance(self.estimator, list):
            self._check_pairs()
        kept = np.array([not is_dropped(each) for each in prototypes])
        return self._read_weights(kept)

    def _check_pairs(self) -> None:
        if not self._pairs():
            raise ValueError(
                f"estimator={self.estimator!r} must be an estimator, or a list of (name, "
                "estimator) pairs with at least one."
            )
        if self.n_estimators is not None:
            raise ValueError(
                f"n_estimators={self.n_estimators!r} must be None if estimator is a list, of which "
                "each pair is one member: a member of several seeds is a DetectorEnsemble in the "
                "list."
            )
        names = [name for name, _ in self._pairs()]
        for name, member in self._pairs():
            start = f"estimator=[..., ({name!r}, {member!r}), ...]"
            if names.count(name) > 1:
                raise ValueError(f"{start}: names of members must differ, got {names!r}.")
            if not name or "__" in name or name in self._parameters:
                raise ValueError(
                    f"{start}: the name of a member must not be empty, contain '__', or be that of "
                    f"a parameter of {type(self).__name__}."
                )
            can_score = hasattr(member, "fit") and hasattr(member, "score_samples")
            if not is_dropped(member) and (isinstance(member, type) or not can_score):
                raise ValueError(
                    f"{start}: a member must be an instance with fit and score_samples, as "
                    "LocalOutlierFactor(novelty=True) and skdeepad.interop.from_pyod(...) are, or "
                    "'drop'."
                )
        if all(is_dropped(member) for _, member in self._pairs()):
            raise ValueError(f"estimator={self.estimator!r} must have a member that is not 'drop'.")

    def _read_weights(self, kept: np.ndarray) -> np.ndarray:
        if self.weights is None:
            return np.ones(kept.sum())
        try:
            weights = np.asarray(self.weights, dtype=np.float64)
        except (TypeError, ValueError):
            weights = np.empty(0)
        is_finite = weights.shape == kept.shape and np.isfinite(weights).all()
        if not is_finite or weights.min() < 0 or not weights[kept].any():
            raise ValueError(
                f"weights={self.weights!r} must hold one finite number for each of the "
                f"{len(kept)} members, dropped ones included; none may be negative, and that of at "
                "least one member that is not dropped must be above 0."
            )
        return weights[kept] / weights[kept].max()

    # What members have in common --------------------------------------------------------------

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = [get_tags(each) for each in self._prototypes() if hasattr(each, "__sklearn_tags__")]
        tags.input_tags.allow_nan = all(each.input_tags.allow_nan for each in inner)
        tags.input_tags.sparse = all(each.input_tags.sparse for each in inner)
        return tags


def _is_pair(item) -> bool:
    return isinstance(item, tuple | list) and len(item) == 2 and isinstance(item[0], str)


def is_dropped(member) -> bool:
    return isinstance(member, str) and member == "drop"
