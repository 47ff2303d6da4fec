"""Estimators that are made of a detector."""

from sklearn.base import MetaEstimatorMixin
from sklearn.utils import get_tags

from .._validation import check_is_fitted


class WrapperMixin(MetaEstimatorMixin):
    """Features and tags of an estimator that is made of one detector or of several.

    It implements ``_prototype`` and has ``detector_``, or overrides ``_fitted_detector``.
    """

    def _prototype(self):
        """Return the detector that ``fit`` clones."""
        raise NotImplementedError

    def _fitted_detector(self):
        """Return a fitted detector, or a pipeline that ends in one."""
        return self.detector_

    @property
    def n_features_in_(self) -> int:
        check_is_fitted(self)
        return self._fitted_detector().n_features_in_

    @property
    def feature_names_in_(self):
        check_is_fitted(self)
        return self._fitted_detector().feature_names_in_

    def __sklearn_tags__(self):
        tags, prototype = super().__sklearn_tags__(), self._prototype()
        # What is no estimator, or a class, is refused in fit.
        if hasattr(prototype, "__sklearn_tags__") and not isinstance(prototype, type):
            inner = get_tags(prototype)
            tags.input_tags = inner.input_tags
            tags.non_deterministic = inner.non_deterministic
        return tags
