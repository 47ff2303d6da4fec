"""With batch normalisation the family keeps all that scikit-learn asks for."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from skdeepad.nn import MLPBackbone

from ..instances import small

BACKBONE = MLPBackbone((16,), activation="leaky_relu", batch_norm=True)
FAMILY = ("AnoGAN", "EGBAD", "GANomaly")


@parametrize_with_checks([small(name, backbone=BACKBONE) for name in FAMILY])
def test_scikit_learn_check_with_batch_norm(estimator, check):
    check(estimator)
