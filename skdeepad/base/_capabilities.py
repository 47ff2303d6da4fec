"""Mixins for encoding, decoding, reconstruction and sampling, with scikit-learn's names."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array, check_random_state

from .._validation import check_integer, check_is_fitted
from ..training import with_default_settings
from ._gradients import of_features
from ._scaling import check_output_range


class EncoderMixin(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Mixin with ``transform``, for modules with ``encode(x)``."""

    def transform(self, X):
        """Encode rows.

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


class DecoderMixin(EncoderMixin):
    """Mixin with ``inverse_transform`` too, for modules with ``decode(z)``."""

    def inverse_transform(self, X):
        """Decode codes to rows in the units of the training data.

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

    def _unscale(self, X: np.ndarray) -> np.ndarray:
        """Return scaled rows in the units of the training data."""
        if self.scaler_ is not None:
            if not hasattr(self.scaler_, "inverse_transform"):
                raise ValueError(f"scaler={self.scaler!r} has no inverse_transform.")
            X = self.scaler_.inverse_transform(X)
        return self._without_empty(X)


class ReconstructorMixin(DecoderMixin):
    """Mixin with ``reconstruct`` and ``feature_contributions``, for modules that reconstruct."""

    def reconstruct(self, X):
        """Reconstruct rows, in the units of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to reconstruct.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Reconstructed rows.
        """
        check_is_fitted(self)
        return self._unscale(self._apply(self.net_.module_.reconstruct, X))

    def feature_contributions(self, X):
        """Return the contribution of each feature to the anomaly score of rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows to explain.

        Returns
        -------
        contributions : ndarray of shape (n_samples, n_features)
            Contributions. A feature with a higher contribution explains more of the anomaly. If the
            anomaly score, ``-score_samples(X)``, is a mean of residuals, they sum to it. For
            evidence bounds they sum to its part that is a sum over features, in nats. Scores that
            are not sums over features (a cost, a density of codes, a discriminator, a KL term)
            cannot be decomposed; the contributions then explain the reconstruction error only.

        Raises
        ------
        ValueError
            If the scaler mixes features.
        """
        check_is_fitted(self)
        return of_features(self, self._apply(self.net_.module_.contributions, X))

    def _check_range(self, X: np.ndarray) -> None:
        if hasattr(self.backbone, "output_range"):
            check_output_range(self._decoded_columns(X), self.backbone)

    def _decoded_columns(self, X: np.ndarray) -> np.ndarray:
        """Return the columns of the scaled rows that the decoder makes."""
        return X


class SamplerMixin:
    """Mixin with ``sample``, for modules with ``generate(noise)``."""

    def sample(self, n_samples=1, random_state=None):
        """Draw rows from the model.

        Parameters
        ----------
        n_samples : int, default=1
            Number of rows.
        random_state : int, RandomState instance or None, default=None
            Seed of the draw.

        Returns
        -------
        rows : ndarray of shape (n_samples, n_features)
            Drawn rows, in the units of the training data.
        """
        check_is_fitted(self)
        return self._sample(n_samples, random_state)

    def _sample(self, n_samples, random_state, *args) -> np.ndarray:
        return self._draw(self.net_.module_.generate, n_samples, random_state, *args)

    @with_default_settings
    def _draw(self, generate, n_samples, random_state, *args) -> np.ndarray:
        """Return rows that a function of the module generates from noise."""
        check_integer("n_samples", n_samples)
        noise = self._draw_noise(n_samples, check_random_state(random_state), *args)
        return self._unscale(self.net_.apply(generate, noise))

    def _draw_noise(self, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw the noise to generate rows from: ``module.n_noise`` standard normal values each."""
        return rng.standard_normal((n_samples, self.net_.module_.n_noise)).astype(np.float32)
