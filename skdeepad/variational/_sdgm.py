"""Skip deep generative model."""

from ..base import detector
from ._deep_generative import DeepGenerativeDetector


@detector
class SDGM(DeepGenerativeDetector):
    r"""Skip deep generative model, a VAE of two layers that also learns from a few labels.

    The model is that of :class:`ADGM`, but the auxiliary variable :math:`a` is one of its layers.
    The other layer, the code :math:`z`, is also directly connected to :math:`x` [1]_:

    .. math:: f(x, y) = \log p(x|a,z,y) + \log p(y) + \log p(z) + \log p(a|z,y)
        - \log q(a|x) - \log q(z|a,x,y) .

    The losses :math:`L(x, y)` of labelled and :math:`U(x)` of all rows are those of :class:`ADGM`.
    So is the meaning of ``y``: below 0 a known anomaly, above 0 a known normal row, 0 unlabelled;
    distinct values are classes.

    Read more in the :ref:`User Guide <adgm>`.

    .. versionadded:: 0.1

    Parameters
    ----------
    n_latent : int, default=8
        Size of the code :math:`z`.
    n_auxiliary : int, default=8
        Size of the auxiliary variable :math:`a`. With 0 there is none, and the model is the
        semi-supervised VAE M2 [2]_.
    batch_norm : bool, default=False
        Batch normalisation before the activations, for images.
    classification_weight : float or "auto", default="auto"
        Weight :math:`\alpha` of the classification of labelled rows; ``"auto"`` is :math:`N / N_l`
        if :math:`N_l` of :math:`N` rows are labelled. It is worth a search over powers of ten.
    kl_warm_up_epochs : int, default=0
        Epochs in which the cost of :math:`a`, :math:`y` and :math:`z` rises from 0 to its weight.
    anomaly_score : {"combined", "joint", "posterior", "marginal"}, default="combined"
        ``"combined"``: the sum of "joint" and "posterior", each minus its median on the training
        rows and divided by the distance from its median to its .9 quantile; values of "posterior"
        below the median count as 0. It combines improbability as a normal row with the information
        from labels. Without labelled anomalies it is "joint". ``"joint"``:
        :math:`-E f(x, \text{normal})`, the bound of :math:`-\log p(x, \text{normal})`.
        ``"posterior"``: :math:`\log q(\text{anomaly}|x) - \log q(\text{normal}|x)`, for anomalies
        of known kinds only. ``"marginal"``: :math:`U(x)`, for novelty only. A change takes effect
        in ``fit``.
    likelihood : {"heteroscedastic", "gaussian", "bernoulli"}, default="heteroscedastic"
        :math:`p(x|\cdot)`, as in :class:`VAE`.
    min_std : float, default=0.135
        Minimum standard deviation of :math:`p(x|\cdot)`, in units of the scaled data.
    n_draws : int, default=4
        Number of draws of :math:`a` and :math:`z` for the scores, the same for every row. The
        default ranks rows nearly as well as more draws do (``benchmarks/results/draws.md``).
    missing : {"raise", "mask"}, default="raise"
        What to do about missing values, which are NaN. ``"raise"`` is an error. ``"mask"`` leaves
        them out of the loss and the score: a mean over the features is that of the values that a
        row has, and a sum is n_features times this mean. The encoder reads 0 in their place, the
        mean of a standardised column, or 1/2 with ``scaler="minmax"``.
    hidden_layer_sizes : int or sequence of int, default=(64, 32)
        Widths of the hidden layers of each conditional distribution's net; those of the decoder are
        in reverse order.
    activation : str, default="tanh"
        Activation of the hidden layers, as in :class:`AutoEncoder`.
    backbone : Backbone or None, default=None
        Makes the decoder, and an encoder from a row to 64 features, which replace the row as the
        input of the nets of ``hidden_layer_sizes``, together with :math:`a`, :math:`y` and
        :math:`z`.
    scaler : {"standard", "minmax", "robust"}, transformer or None, default="standard"
        Scaler of the input, by name or as a transformer. With a scaler given by name, scaled values
        beyond ±20 are compressed: they grow with their logarithm.
    max_epochs : int, default=500
        Maximum number of epochs.
    max_steps : int or None, default=1250
        Maximum number of optimizer steps. If None, there is no limit. Twice as many at half the
        rate are worse (``benchmarks/results/steps.md``).
    lr : float, default=2e-3
        Learning rate.
    batch_size : int or None, default=128
        Number of rows in a batch. If None, a batch holds all training rows. The labelled rows that
        are added to a batch are not counted.
    optimizer : {"adam", "adamw", "rmsprop", "sgd"} or type, default="adam"
        Optimizer, by name or as a subclass of :class:`torch.optim.Optimizer`.
    weight_decay : float, default=0.0
        L2 penalty of the optimizer on the weights.
    trim : float, default=0.1
        Share of the unlabelled rows of a batch, rounded, that an update leaves out after a fifth of
        the steps: those with the largest loss.
    contamination : "auto" or float in (0, 0.5], default=0.1
        Share of the training rows that the threshold declares outliers. It can be changed after
        ``fit``. ``"auto"`` is 0.1.
    callbacks : list of skorch callbacks or None, default=None
        Callbacks of the training; ``fit`` uses copies of them.
    net_params : dict or None, default=None
        Further parameters of the skorch net. ``"iterator_train__n_labelled"`` is the number of
        labelled rows that are added to a batch.
    device : str, default="auto"
        Device to compute on. ``"auto"`` is CUDA if it is available, else the CPU.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the last ``fit``.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the batches and all random draws.
    verbose : int, default=0
        If above 0, progress bars are shown.
    early_stopping : bool, default=False
        If True, hold out ``validation_fraction`` of the rows and stop once their loss, computed
        with the same noise in each epoch, has not fallen for ``n_iter_no_change`` epochs. The
        weights of the best epoch are kept.
    validation_fraction : float, default=0.1
        Share of the rows that are held out under ``early_stopping=True``.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops under
        ``early_stopping=True``.

    Attributes
    ----------
    net_ : skorch net
        The trained net; ``net_.module_`` is the torch module.
    scaler_ : transformer or None
        The fitted scaler.
    classes_ : ndarray of shape (n_classes,)
        Labels of the classes, in ascending order; those above 0 are normal.
    training_scores_ : ndarray of shape (n_rows,)
        Scores of the training rows, in ascending order; a row of weight 2 counts twice.
    offset_ : float
        Threshold on ``score_samples``.
    history_ : dict of ndarray of shape (`n_iter_`,)
        Losses of each epoch.
    n_iter_ : int
        Number of epochs run.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if all of them are strings.

    See Also
    --------
    ADGM : The same with an auxiliary variable on which x does not depend.
    AuxiliaryVAE : The same without labels.

    Notes
    -----
    Batches, labels and codes are those of :class:`ADGM`, but the code contains :math:`z` and
    :math:`a`. A few labels are often enough for a linear classifier: compare with one.

    References
    ----------
    .. [1] L. Maaløe, C. K. Sønderby, S. K. Sønderby, O. Winther, "Auxiliary deep generative
       models", ICML 2016, arXiv:1602.05473.
    .. [2] D. P. Kingma, D. J. Rezende, S. Mohamed, M. Welling, "Semi-supervised learning with deep
       generative models", NIPS 2014, arXiv:1406.5298.

    Examples
    --------
    >>> import numpy as np
    >>> from skdeepad import SDGM
    >>> X = np.random.RandomState(0).randn(200, 3) @ np.ones((3, 8)) / 3
    >>> X[:5] += 3 * (-1.0) ** np.arange(8)
    >>> y = np.repeat([-1, 1, 0], [5, 20, 175])
    >>> det = SDGM(max_epochs=20, random_state=0).fit(X, y)
    >>> det.predict([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    >>> det.predict_class([np.zeros(8), 3 * (-1.0) ** np.arange(8)])
    array([ 1, -1])
    """

    _skip = True
