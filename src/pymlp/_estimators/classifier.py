"""The classifier."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval

from .._data.class_weights import ClassWeight
from .._data.labels import LOSSES
from .._system.elsewhere import elsewhere
from .._system.params import one_of
from .answers import OF_NETWORK
from .classification import Classifier
from .options import EstimatorOptions


class MLPClassifier(Classifier):
    """Multi-layer perceptron classifier, trained by fused C++ kernels.

    With the same parameters, data and seed it learns the model that scikit-learn's `MLPClassifier`
    learns, to rounding. Labels may be one a sample, any number out of a set (multilabel, an
    indicator matrix) or several of different kinds (multi-output).

    Parameters
    ----------
    hidden_layer_sizes : int or array-like of int of shape (n_hidden_layers,), default=(100,)
        Width of each hidden layer. ``()`` leaves them out: multinomial logistic regression.
    activation : str or list of str of length n_hidden_layers, default='relu'
        Activation of the hidden layers, or of each: 'identity', 'logistic', 'tanh', 'relu',
        'leaky_relu' (slope 0.01), 'elu' [4]_, 'selu' [5]_, 'gelu' [6]_, 'silu' [7]_, 'mish' [8]_,
        'softplus', 'hard_sigmoid'.
    solver : str, default='adam'
        Optimizer: 'sgd' with momentum, 'adam' [2]_, 'adamw' (Adam with decoupled weight decay)
        [9]_, 'nadam' (with Nesterov's momentum) [10]_, 'rmsprop' [11]_, 'adagrad' [12]_ and 'lion'
        [13]_ learn from mini-batches; 'lbfgs' is SciPy's quasi-Newton method on all samples at
        once.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights (not the biases), at least 0. It is divided by
        the weight of the mini-batch.
    batch_size : int or 'auto', default='auto'
        Samples in a mini-batch, at least 1; 'auto' is ``min(200, n_samples)``. 'lbfgs' takes all.
    learning_rate : str, Schedule or callable, default='constant'
        For any stochastic solver 'constant', 'cosine', 'exponential', 'step', 'one_cycle',
        'log_cosine', 'warm_up', an object of `pymlp.schedules`, or a function of the epoch (from 0)
        that returns the rate itself. For 'sgd' also scikit-learn's 'invscaling'
        (``learning_rate_init / (t_ + 1) ** power_t``) and 'adaptive' (divided by 5 whenever
        progress stops), which the other solvers take for 'constant'.
    learning_rate_init : float, default=0.001
        Initial learning rate, above 0, or what a schedule multiplies. Not for 'lbfgs'.
    power_t : float, default=0.5
        Exponent of the 'invscaling' schedule of 'sgd', at least 0.
    max_iter : int, default=200
        Maximum number of epochs, or of the iterations of 'lbfgs'; at least 1.
    shuffle : bool, default=True
        Draw a new order of the samples before each epoch. Not for 'lbfgs'.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the validation split, the order of the samples and the
        dropout. The same seed draws what scikit-learn draws.
    tol : float, default=1e-4
        Improvement of the loss (of the validation score with early stopping) that counts, at
        least 0; for 'lbfgs' the gradient's largest element at which it stops.
    verbose : bool or int, default=False
        Print a line an epoch: scikit-learn's, which ends with the loss. With a validation set it
        goes on with its loss and score, the learning rate if it has changed, and how long
        `max_iter` epochs would still take; so do iterations of 'lbfgs', silent without. With rich
        (``pip install rich``) it is one live line on a terminal, and in a notebook
        with ipywidgets, whose saved page keeps its last state.
    warm_start : bool or 'full', default=False
        Start `fit` from the previous weights and train up to `max_iter` more epochs; with 'full'
        also from the solver's moments, its learning rate (unless its parameters have changed) and
        the schedule's position, a schedule being planned over the epochs done and `max_iter` more.
        An integer `random_state` draws the same orders again.
    momentum : float, default=0.9
        Momentum of 'sgd', in [0, 1].
    nesterovs_momentum : bool, default=True
        Use Nesterov's momentum in 'sgd'.
    early_stopping : bool, default=False
        Stop when the validation set's score (see `scoring`) no longer improves, and keep the
        best weights. The set is `X_val` if given to `fit`, otherwise a part of the training set.
        'lbfgs' ignores it.
    validation_fraction : float, default=0.1
        Part of the training set held out for early stopping without `X_val`, in (0, 1).
    beta_1 : float, default=0.9
        Share of itself that the mean of the gradients keeps in a step of 'adam', 'adamw' and
        'nadam', in [0, 1); for 'lion' its share of the step.
    beta_2 : float, default=0.999
        Share of itself that the mean of their squares keeps in a step of 'adam', 'adamw', 'nadam'
        and 'rmsprop', in [0, 1); for 'lion' that of the mean of the gradients.
    epsilon : float, default=1e-8
        Added to the denominator, above 0, in the solvers that divide by a root of squares: 'adam',
        'adamw', 'nadam', 'rmsprop', 'adagrad'.
    n_iter_no_change : int, inf or 'wave', default=10
        Epochs without improvement by `tol` that are tolerated, at least 1; 'wave' ends training
        where the learning rate, before it rises again, has fallen without any improvement. Not for
        'lbfgs'.
    max_fun : int, default=15000
        Maximum number of the loss's evaluations in 'lbfgs', at least 1.
    loss : {'log_loss', 'focal', 'hinge'}, default='log_loss'
        Cross-entropy; focal loss, which attends to what is not yet learned [3]_; or hinge loss
        (for several classes that of Crammer and Singer [18]_), which gives scores
        (`decision_function`) and no probabilities.
    focal_gamma : float, default=2.0
        Exponent of 'focal', at least 0, where it is the cross-entropy.
    label_smoothing : float, default=0.0
        Share of a label's weight that is spread evenly over all classes, in [0, 1), for
        'log_loss' [19]_.
    class_weight : dict, list of dict, 'balanced' or None, default=None
        Factors of the sample weights by class, one dict a label with several labels a sample;
        'balanced' is ``n_samples / (n_classes * count)``. With several labels a sample the
        product of their factors counts.
    dropout : float or list of float of length n_hidden_layers, default=0.0
        Share of a hidden layer's outputs that training sets to 0, in [0, 1) [14]_; the others are
        divided by ``1 - dropout``. Not for 'lbfgs'.
    init : str or callable, default='sklearn'
        Initial weights: 'sklearn' [1]_, 'he_normal', 'he_uniform' [15]_, 'glorot_normal',
        'glorot_uniform' [1]_, 'lecun_normal', 'lecun_uniform' [16]_, 'orthogonal' [17]_, or a
        function ``(n_in, n_out, random_state)`` that returns an array of shape (n_in, n_out).
        Biases start from 0 but for 'sklearn'.
    weight_decay : float, default=0.01
        Decoupled decay of the weights, times the learning rate, in 'adamw' and 'lion'; at least
        0. It comes beside `alpha`.
    clip_norm : float or None, default=None
        Norm of the loss's gradient, over all layers, above which it is scaled down to it. The
        penalty is added after that. Not for 'lbfgs'.
    ema_decay : float or None, default=None
        Predict with a moving average of the weights that keeps this share of itself in each
        mini-batch, in (0, 1). In step t at most ``(1 + t) / (10 + t)``, so that it soon leaves
        the initial weights. Not for 'lbfgs'.
    scoring : str, callable or None, default=None
        What early stopping follows on the validation set: None is `score`, 'loss' the validation
        loss, otherwise a scorer as in scikit-learn's model selection, which is recorded in
        `history_` without early stopping, too.
    monitor_gradients : bool, default=False
        Record in `history_` the norms of each layer's gradient and outputs, and the share of dead
        ReLU units. The weights are, to the last bit, those of a fit without it. Not for 'lbfgs'.
    n_threads : int or None, default=None
        Threads, at least 1; None follows OpenMP (``OMP_NUM_THREADS``, threadpoolctl). Results do
        not depend on it, to the last bit.
    precision : {'float32', 'float64', 'bfloat16'} or None, default=None
        Type of the arithmetic and of the weights; None follows X: float32 for float32, else
        float64. 'bfloat16' keeps float32 weights and sums, but rounds what is multiplied, all but
        a sparse X and the weights of its layer, to 8 significant bits: faster where the processor
        has instructions for it (`show_config` says 'native'), for networks of some 100 units and
        more, and slower elsewhere; not for 'lbfgs'. Predictions round as the parameter says when
        they are made. A model that goes on training is converted to it, or with None keeps its
        type. An X of another type is converted a mini-batch at a time.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or list of such
        Class labels, in a list by label for multi-output.
    coefs_ : list of ndarray of shape (n_in, n_out)
        Weights of each layer.
    intercepts_ : list of ndarray of shape (n_out,)
        Biases of each layer.
    coef_ : ndarray of shape (n_outputs, n_features) or (n_features,)
        Weights of a network without hidden layers, as scikit-learn's linear models have them: of
        one dimension for a regressor of one target. With `ema_decay` their average.
    intercept_ : ndarray of shape (n_outputs,) or float
        Biases of a network without hidden layers, in the same way.
    averaged_coefs_, averaged_intercepts_ : list of ndarray
        Moving averages of `coefs_` and `intercepts_`, which predict; only with `ema_decay`.
    n_averaged_ : int
        Mini-batches that they have followed.
    history_ : dict of str to list of float
        What was measured in each epoch, or iteration of 'lbfgs'. Of the training: 'loss' (with the
        penalty), 'accuracy', 'learning_rate', 'seconds' (with 'lbfgs' only 'loss'). With a
        validation set also 'val_loss' (without the penalty), 'val_accuracy' and the scorer's
        value (``val_`` and its name, or 'val_score').

        With `monitor_gradients` also, as training saw them in the epoch, with its dropout:
        'gradient_norm_k' for each layer k from 0: Frobenius norm of the loss's gradient by
        ``coefs_[k]`` (not the biases), without the penalty and before `clip_norm`, mean over the
        mini-batches; 'activation_norm_k' for each hidden layer k: root mean square of its outputs
        over the samples (not weighted) and units; 'dead_share_k' for each with 'relu': share of
        its units that put out 0 for every sample.
    loss_ : float
        Loss of the last epoch; with 'lbfgs' that of the final weights.
    loss_curve_ : list of float
        Loss of each epoch; not with 'lbfgs', as in scikit-learn.
    best_loss_ : float or None
        Lowest loss; None with early stopping. Not with 'lbfgs', like the next two.
    validation_scores_ : list of float or None
        What early stopping followed, by epoch; None without it.
    best_validation_score_ : float or None
        The best of them.
    best_epoch_ : int
        Row of `history_`, counted from 1, whose weights the model has; only if early stopping (or
        the callback) chose it.
    learning_rate_ : float
        Learning rate of the next step, which a callback may set; not with 'lbfgs'.
    n_iter_ : int
        Epochs run in the last call, or iterations of 'lbfgs'.
    t_ : int
        Training samples seen; 0 with 'lbfgs'.
    n_layers_, n_outputs_ : int
        Layers, input included, and outputs of the network.
    out_activation_ : str
        Output activation.
    n_features_in_ : int
        Features seen in `fit`.
    feature_names_in_ : ndarray of shape (n_features,)
        Their names, if X had any.

    See Also
    --------
    MLPRegressor : The same for real-valued targets.

    Notes
    -----
    Pickles and copies hold the weights but not the solver's moments, unless ``warm_start='full'``
    or ``partial_fit`` was the last to train: otherwise a ``partial_fit`` of the copy starts with
    fresh ones.

    References
    ----------
    .. [1] Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010.
    .. [2] Kingma & Ba, "Adam: A method for stochastic optimization", arXiv:1412.6980 (2015).
    .. [3] Lin et al., "Focal loss for dense object detection", ICCV 2017.
    .. [4] Clevert, Unterthiner & Hochreiter, "Fast and accurate deep network learning by
       exponential linear units (ELUs)", ICLR 2016.
    .. [5] Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017.
    .. [6] Hendrycks & Gimpel, "Gaussian error linear units (GELUs)", arXiv:1606.08415 (2016).
    .. [7] Elfwing, Uchibe & Doya, "Sigmoid-weighted linear units for neural network function
       approximation in reinforcement learning", Neural Networks 107 (2018).
    .. [8] Misra, "Mish: A self regularized non-monotonic activation function", BMVC 2020.
    .. [9] Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019.
    .. [10] Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016, workshop.
    .. [11] Tieleman & Hinton, "Neural networks for machine learning", lecture 6.5 (2012).
    .. [12] Duchi, Hazan & Singer, "Adaptive subgradient methods for online learning and stochastic
       optimization", JMLR 12 (2011).
    .. [13] Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.
    .. [14] Srivastava et al., "Dropout: A simple way to prevent neural networks from overfitting",
       JMLR 15 (2014).
    .. [15] He et al., "Delving deep into rectifiers", ICCV 2015.
    .. [16] LeCun et al., "Efficient backprop", in "Neural networks: Tricks of the trade" (1998).
    .. [17] Saxe, McClelland & Ganguli, "Exact solutions to the nonlinear dynamics of learning in
       deep linear neural networks", ICLR 2014.
    .. [18] Crammer & Singer, "On the algorithmic implementation of multiclass kernel-based vector
       machines", JMLR 2 (2001).
    .. [19] Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016.

    Examples
    --------
    >>> from pymlp import MLPClassifier
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = MLPClassifier((50,), max_iter=20, tol=0.1, n_iter_no_change=3, random_state=0)
    >>> clf.fit(X[:1500] / 16, y[:1500]).predict(X[1500:1505] / 16)
    array([1, 7, 4, 6, 3])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **EstimatorOptions._parameter_constraints,
        "loss": [one_of(*LOSSES)],
        "focal_gamma": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [None, one_of("balanced"), dict, list],
    }

    @elsewhere(**OF_NETWORK)
    def __init__(
        self,
        hidden_layer_sizes: ArrayLike = (100,),
        activation: str | list[str] = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str | Callable[..., float] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool | str = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float | str = 10,
        max_fun: int = 15000,
        loss: str = "log_loss",
        focal_gamma: float = 2.0,
        label_smoothing: float = 0.0,
        class_weight: ClassWeight | None = None,
        dropout: float | list[float] = 0.0,
        init: str | Callable[..., Any] = "sklearn",
        weight_decay: float = 0.01,
        clip_norm: float | None = None,
        ema_decay: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        monitor_gradients: bool = False,
        n_threads: int | None = None,
        precision: str | None = None,
    ) -> None:
        self._set_parameters(locals())
