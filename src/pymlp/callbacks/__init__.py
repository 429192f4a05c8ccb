"""Callbacks: what is done at each epoch of a fit, beside the training.

They follow scikit-learn's protocol, ``estimator.set_callbacks(callback, ...)``, so its own
(`sklearn.callback`) work beside these. Those that bear the name of one of Keras's callbacks follow
its rules; where not, their notes say so. Epochs are counted as rows of ``history_``, from 1.
``set_callbacks`` replaces those set before; ``partial_fit`` calls none.

A callback of one's own is a subclass of `Callback`:

>>> from sklearn.datasets import make_moons
>>> from pymlp import MLPClassifier
>>> from pymlp.callbacks import Callback
>>> class StopWhenGood(Callback):
...     def on_epoch_end(self, estimator):
...         return estimator.history_["accuracy"][-1] > 0.9
>>> X, y = make_moons(200, noise=0.1, random_state=0)
>>> clf = MLPClassifier((20,), learning_rate_init=0.01, random_state=0)
>>> clf.set_callbacks(StopWhenGood()).fit(X, y).score(X, y) > 0.9
True
"""

from ._callback import Callback
from ._files import ModelCheckpoint
from ._learning_rate import LearningRateScheduler, ReduceLROnPlateau
from ._logs import CSVLogger, TensorBoard
from ._stopping import EarlyStopping, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TensorBoard",
    "TerminateOnNaN",
]
