"""What detectors with codes can do beyond detection, spelled as scikit-learn spells it."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """``transform`` to the codes of a module with ``encode(x)``."""

    def transform(self, X):
        """Return the codes of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to encode.

        Returns
        -------
        codes : ndarray of shape (n_samples, n_latent)
            Codes of the scaled rows.
        """
        check_is_fitted(self)
        return self._apply(self.net_.module_.encode, X)

    @property
    def _n_features_out(self) -> int:
        check_is_fitted(self)
        return self.net_.module_.n_latent


class ReconstructorMixin(EncoderMixin):
    """``inverse_transform`` and ``reconstruct`` of a module with ``decode(z)`` too."""

    def inverse_transform(self, X):
        """Return the rows that codes stand for, in the units of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_latent)
            Codes.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Decoded rows.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float32, order="C")
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but the codes of this "
                f"{type(self).__name__} have {self._n_features_out}."
            )
        return self._unscale(self.net_.apply(self.net_.module_.decode, codes))

    def reconstruct(self, X):
        """Return the reconstruction of rows, in the units of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            What the model makes of them; the distance to ``X`` is what it can't explain.
        """
        check_is_fitted(self)
        return self._unscale(self._apply(self.net_.module_.reconstruct, X))

    def _unscale(self, X: np.ndarray) -> np.ndarray:
        if self.scaler_ is None:
            return X
        if not hasattr(self.scaler_, "inverse_transform"):
            raise ValueError(f"scaler={self.scaler!r} has no inverse_transform.")
        return self.scaler_.inverse_transform(X)
