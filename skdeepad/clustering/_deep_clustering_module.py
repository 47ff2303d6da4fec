"""Module of deep clustering, with codes, centres, assignments and scores."""

import torch
from torch import Tensor, nn

from ..nn import EncoderDecoder

# The scale of a cluster is at most the mean over all rows and at least this share of it: anomalies
# among the training rows widen a cluster, and a cluster of a single row has no scale of its own.
LEAST_SCALE = 0.01
# Floor of mean squared residuals; inputs have unit variance, and smaller values are fitting noise.
LEAST_ERROR = 1e-6


@torch.no_grad()
def target_distribution(q: Tensor) -> Tensor:
    """Return P of assignments Q, (n, K): squares divided by cluster sizes, normalised."""
    weights = q**2 / q.sum(0).clamp_min(1e-12)
    return weights / weights.sum(1, keepdim=True)


class ClusteringModule(EncoderDecoder):
    """Autoencoder with K centres of codes, trained on α L_cluster + (1 − α) L_AE."""

    centers: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        n_latent: int,
        n_clusters: int,
        degrees_of_freedom: float = 1.0,
        score: str = "combined",
    ) -> None:
        super().__init__(encoder, decoder)
        self.n_latent = n_latent
        self.degrees_of_freedom = degrees_of_freedom
        self.score = score
        self.register_buffer("cluster_weight", torch.zeros(()))
        self.register_buffer("cluster_scale", torch.ones(n_clusters))
        self.register_buffer("reconstruction_scale", torch.ones(()))

    # Clusters --------------------------------------------------------------------------------

    def distances(self, z: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return ‖z − μ_j‖², (batch, K)."""
        return ((z[:, None] - self.centers) ** 2).sum(2, dtype=dtype)

    def log_assignments(self, z: Tensor, dtype: torch.dtype | None = None) -> Tensor:
        """Return log q of codes, which is finite for any distance from a centre."""
        dof = self.degrees_of_freedom
        kernel = torch.log1p(self.distances(z, dtype) / dof) * (-(dof + 1) / 2)
        return kernel.log_softmax(1)

    def assign(self, x: Tensor) -> Tensor:
        """Return q, (batch, K): Student's t around each centre, normalised."""
        return self.log_assignments(self.encode(x), torch.float64).exp()

    def nearest(self, x: Tensor) -> Tensor:
        """Return the index of the nearest centre, (batch,)."""
        return self.distances(self.encode(x), torch.float64).argmin(1)

    # Training --------------------------------------------------------------------------------

    def targets(self, q: Tensor) -> Tensor:
        """Return the targets of the rows in an epoch, (n, K), from their assignments before it."""
        raise NotImplementedError

    def cluster_loss(self, z: Tensor, target: Tensor) -> Tensor:
        """Return L_cluster of each row, (batch,)."""
        raise NotImplementedError

    def loss(self, x: Tensor, target: Tensor) -> Tensor:
        z = self.encode(x)
        # With the mean over the features instead of the sum, one α suits all widths.
        error = ((x - self.decode(z)) ** 2).mean(1)
        return (
            self.cluster_weight * self.cluster_loss(z, target) + (1 - self.cluster_weight) * error
        )

    # Scoring ---------------------------------------------------------------------------------

    def terms(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return nearest centre, squared distance to it and mean squared residual, in float64."""
        z = self.encode(x)
        distance, cluster = self.distances(z, torch.float64).min(1)
        error = ((x - self.decode(z)) ** 2).mean(1, dtype=torch.float64)
        return cluster, distance, error

    def calibrate(self, cluster: Tensor, distance: Tensor, error: Tensor) -> None:
        """Set the scales from the terms of the training rows."""
        n_clusters = len(self.cluster_scale)
        n_rows = torch.bincount(cluster, minlength=n_clusters)
        total = torch.bincount(cluster, distance, minlength=n_clusters)
        mean = distance.mean() if distance.any() else torch.ones((), dtype=distance.dtype)
        scale = torch.where(n_rows > 0, total / n_rows.clamp_min(1), mean)
        scale = scale.clamp(LEAST_SCALE * mean, mean)
        median = (distance / scale[cluster]).median()
        self.cluster_scale.copy_(scale * (median if median > 0 else 1))
        self.reconstruction_scale.copy_(error.median().clamp_min(LEAST_ERROR))

    def anomaly_score(self, x: Tensor) -> Tensor:
        if self.score == "entropy":
            log_q = self.log_assignments(self.encode(x), torch.float64)
            return -(log_q.exp() * log_q).sum(1)
        cluster, distance, error = self.terms(x)
        if self.score == "distance":
            return distance
        error = error / self.reconstruction_scale
        if self.score == "reconstruction":
            return error
        return distance / self.cluster_scale[cluster] + error

    def contributions(self, x: Tensor) -> Tensor:
        """Return the contribution of each feature to the reconstruction term of the score."""
        square = ((x - self.reconstruct(x)) ** 2).double()
        return square / (square.shape[1] * self.reconstruction_scale)


class HardeningModule(ClusteringModule):
    """Module that hardens assignments by KL(P ‖ Q), whose gradient moves the centres too."""

    def __init__(self, *args, n_latent: int, n_clusters: int, **kwargs) -> None:
        super().__init__(*args, n_latent=n_latent, n_clusters=n_clusters, **kwargs)
        self.centers = nn.Parameter(torch.zeros(n_clusters, n_latent))

    def targets(self, q: Tensor) -> Tensor:
        return target_distribution(q)

    def cluster_loss(self, z: Tensor, target: Tensor) -> Tensor:
        return (torch.xlogy(target, target) - target * self.log_assignments(z)).sum(1)


class KMeansModule(ClusteringModule):
    """Module that pulls codes towards the centre of their cluster, which no gradient moves."""

    def __init__(self, *args, n_latent: int, n_clusters: int, **kwargs) -> None:
        super().__init__(*args, n_latent=n_latent, n_clusters=n_clusters, **kwargs)
        self.register_buffer("centers", torch.zeros(n_clusters, n_latent))

    def targets(self, q: Tensor) -> Tensor:
        """Return r, 1 for the nearest centre and 0 for the others."""
        return nn.functional.one_hot(q.argmax(1), q.shape[1])

    def cluster_loss(self, z: Tensor, target: Tensor) -> Tensor:
        return (target * self.distances(z)).sum(1)


MODULES = {"kl": HardeningModule, "k-means": KMeansModule}
