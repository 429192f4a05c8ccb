"""What classifier and regressor share: the course of a fit."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import _fit_context

from .._data.samples import Given, Samples
from .._data.spool import within_reach
from .._data.streamed import StreamedRows
from .._fit.epochs import run_epochs
from .._fit.fit import Fit, Limits
from .._fit.lbfgs import run_lbfgs
from .._fit.observer import Observer
from .._fit.progress import Progress
from .._fit.records import ATTRIBUTE_OF, ATTRIBUTES, Records
from .._fit.validation import Validation, hold_out, score_of
from .._resume.checkpoint import Checkpoint, Resumable, resumable
from .._resume.fingerprint import fingerprint
from .._system.arrays import Array
from .._system.elsewhere import elsewhere
from .._system.messages import errors_held_back, raise_first, warn
from .._system.random_states import undrawn
from .answers import OF_FIT, OVERRIDDEN
from .inputs import given_validation_set
from .nested_params import NestedParams
from .start import StartOfFit
from .tasks import Tasks, tearing_down


class BaseMLP(NestedParams, StartOfFit, ABC):
    """Base of the estimators; use `MLPClassifier` or `MLPRegressor`."""

    history_: dict[str, list[float]]
    loss_curve_: list[float]

    @_fit_context(prefer_skip_nested_validation=True)
    @elsewhere(**OF_FIT)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
    ) -> Self:
        """Train from new weights, or with ``warm_start`` from the present ones.

        Parameters
        ----------
        X : {array-like, sparse matrix, Streamed} of shape (n_samples, n_features)
            Training data; float32 is trained in float32, anything else in float64, unless
            `precision` says otherwise. An array of real numbers is never copied, whatever its
            type (of at most 64 bits) and strides; it may be memory-mapped. Dask's arrays and
            frames, arrays of zarr and h5py, and pyarrow's datasets are copied, block by block, to a
            temporary file; of a `pymlp.dask.Streamed` a buffer of rows is in memory.
        y : {array-like, sparse matrix} of shape (n_samples,) or (n_samples, n_outputs)
            Of a classifier class labels of any type: one a sample, an indicator matrix of zeros
            and ones (multilabel), or several a sample (multi-output). Of a regressor targets,
            computed in X's type, which cannot be sparse.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; None weighs all samples 1.
        X_val : {array-like, sparse matrix} of shape (n_validation, n_features), default=None
            Validation set: scored after every epoch, and used by early stopping.
        y_val : array-like of shape (n_validation,) or (n_validation, n_outputs), default=None
            Labels or targets of the validation set.
        sample_weight_val : array-like of shape (n_validation,), default=None
            Weights of the validation set. `class_weight` does not apply to it.
        resume : str, path-like or Checkpoint, default=None
            File in which the fit stores its state, and from which the same call goes on. After a
            crash that ends, to the last bit, as if nothing had happened; after the fit's end it
            returns the model at once. The file need not exist; one of a fit with other data or
            parameters is refused. A path stands for ``Checkpoint(path)``, which writes every ten
            seconds. A `random_state` that is no integer is set to that of the file. Not for
            'lbfgs'.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If a parameter or the data are not valid, or if the first epoch diverges. The
            estimator is then as it was before the call. If `resume` is a file of another fit, or
            a damaged one.
        ImportError
            With `resume`, without safetensors: ``pip install safetensors``.
        OSError
            If the file of `resume` cannot be read, or its folder not written to.
        MemoryError
            If there is less memory than the network needs.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` is reached, or if a loss stops being finite: training then ends and
            the weights of the last finite epoch are kept.
        RuntimeWarning
            If the file of `resume` cannot be written amid the fit, which goes on.
        UserWarning
            If a regressor's targets are in the millions, which small steps do not reach. If a
            parameter that scikit-learn lacks has been set but has no effect, such as
            `weight_decay` with ``solver='adam'``.
        """
        given_val = given_validation_set(X_val, y_val, sample_weight_val)
        with within_reach(Given(X, y, sample_weight), given_val, self._types_of_fit) as reached:
            return self._fit(*reached, resume=resume)

    # --- the course of a fit ---------------------------------------------------------------------

    def _fit(
        self,
        given: Given,
        given_val: Given | None = None,
        *,
        resume: str | os.PathLike[str] | Checkpoint | None = None,
        incremental: bool = False,
    ) -> Self:
        """Validate, initialise, split, run the epochs, keep the best.

        Parameters
        ----------
        given : Given
            The training set.
        given_val : Given or None, default=None
            The validation set.
        resume : str, path-like, Checkpoint or None, default=None
        incremental : bool, default=False
            One epoch only, as ``partial_fit`` does; the callbacks do not hear of it.
        """
        # the callbacks are torn down here, not by _fit_context around it: what they raise then
        # leaves the estimator as it was, too
        with (
            self._all_or_nothing(),
            tearing_down(self),
            resumable(resume, self.solver) as checkpoint,
        ):
            self._check_call(incremental=incremental)
            context = None if incremental else self._init_callback_context("fit", 0, self.max_iter)
            tasks = Tasks(self, given, context if hasattr(self, "_skl_callbacks") else None)

            is_first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
            if is_first or not incremental:
                self._warn_of_idle(is_validated=given_val is not None)
            if isinstance(given.X, StreamedRows):
                self._check_streamed(is_validated=given_val is not None)
            train, plain, dtype = self._prepared(given, is_first=is_first, incremental=incremental)
            self._seed(checkpoint)
            units = [train.X.shape[1], *self._hidden_units(), self.n_outputs_]
            records = self._start(units, dtype, is_first=is_first, incremental=incremental)
            rows, validation = self._split(train, plain, given, given_val)
            fit = self._new_fit(train, rows, validation, records, incremental=incremental)
            if checkpoint is not None:
                checkpoint.begin(fit, self._fingerprint(fit))
            records.begin()
            self._publish(records)

            with errors_held_back() as errors:  # the model is kept
                self._train(fit, tasks, checkpoint)
                fit.finish()
                self._publish(records)
                tasks.end_fit()
            copies = tasks.copies_of_callbacks()
        for copy in copies:  # now that nothing of the fit can fail
            copy.hand_over()
        raise_first(errors)
        return self

    def _train(self, fit: Fit, tasks: Tasks, checkpoint: Resumable | None) -> None:
        """Run the epochs, or what Ctrl-C leaves of them."""
        tasks.begin_fit()
        if checkpoint is not None:
            checkpoint.begin_callbacks(tasks.copies_of_callbacks())
        run = run_lbfgs if self.solver == "lbfgs" else run_epochs
        try:
            with self._progress(fit, may_be_live=not tasks.draw_progress) as progress:
                observers = [_Publisher(self), progress, tasks]
                observers += [] if checkpoint is None else [checkpoint]
                run(fit, observers)
        except KeyboardInterrupt:
            fit.records.drop_uncounted()
            if self.solver != "lbfgs":  # there the engine may be amid a line search
                fit.engine.keep()
            warn("Training interrupted by user.")

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Leave the estimator as it was if the body raises: a fit trains copies of everything."""
        before = dict(self.__dict__)
        try:
            with undrawn(self.random_state):
                yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _check_call(self, *, incremental: bool) -> None:
        for name, instead in OVERRIDDEN.items():
            method = getattr(self, name, None)
            # scikit-learn's own is there, too, where a class inherits from its network as well
            if method is not None and not method.__module__.startswith("sklearn."):
                raise TypeError(
                    f"{type(self).__name__}.{name} would not be called: it is a private method of "
                    f"scikit-learn's. Instead {instead}."
                )
        if incremental:
            self._validate_changed_params()
        self._check_options()
        if incremental and self.early_stopping:
            raise ValueError("partial_fit does not support early_stopping=True")

    def _check_streamed(self, *, is_validated: bool) -> None:
        """Check that a fit needs no more of X than a window at a time."""
        needs = {
            "solver='lbfgs'": self.solver == "lbfgs",
            "early_stopping=True without X_val and y_val": self._stops_early() and not is_validated,
            "monitor_gradients=True": self.monitor_gradients,
        }
        if any(needs.values()):
            raise ValueError(
                f"{next(name for name in needs if needs[name])} needs all rows at once, of which a "
                "Streamed X has a buffer: pass the collection itself, which is copied to a "
                "temporary file."
            )

    def _publish(self, records: Records) -> None:
        """Set the fitted attributes that count and measure."""
        found = records.attributes()
        self.__dict__.update(found)
        for name in ATTRIBUTES.keys() - found.keys():
            self.__dict__.pop(name, None)

    # --- split -----------------------------------------------------------------------------------

    def _split(
        self, train: Samples, plain: Samples, given: Given, given_val: Given | None
    ) -> tuple[Array | range, Validation | None]:
        """Rows to train on, and the validation set: the one that was given, or some of the rows."""
        n_samples = train.X.shape[0]
        has_scorer = self.scoring is not None and self.scoring != "loss"
        if given_val is not None:
            samples = self._validation_set(given_val, self.coefs_[0].dtype)
            score = None
            if has_scorer:
                asked = self._asked(given_val, samples.weight)
                score = score_of(self, self.scoring, asked, self._target)
            return np.arange(n_samples), Validation(samples, self._target, score=score)
        if not self._stops_early():
            return np.arange(n_samples), None
        strata = self._target.strata(train.y)
        fraction = self.validation_fraction
        weights = train.weight, plain.weight
        rows, held_out = hold_out(n_samples, weights, strata, fraction, self._random_state)
        score = None
        if has_scorer:  # only for it are rows copied
            asked = self._asked(given, plain.weight, held_out)
            score = score_of(self, self.scoring, asked, self._target)
        # weighed as a person would who scores these rows: without their classes' weights
        return rows, Validation(plain, self._target, held_out, score)

    # --- the fit as an object --------------------------------------------------------------------

    def _new_fit(
        self,
        train: Samples,
        rows: Array | range,
        validation: Validation | None,
        records: Records,
        *,
        incremental: bool,
    ) -> Fit:
        seed = self._drawn_seed(self._random_state)
        engine = self._new_engine(len(rows), records.n_averaged or 0, seed)
        limits = Limits(
            max_iter=1 if incremental else self.max_iter,
            tol=self.tol,
            n_iter_no_change=self.n_iter_no_change,
            max_fun=self.max_fun,
            n_planned=self.max_iter + (0 if incremental else self._optimizer.epochs),
            warns=not incremental and not self._ends_as_planned(),
            verbose=bool(self.verbose),
        )
        return Fit(
            engine=engine,
            target=self._target,
            train=train,
            rows=rows,
            validation=validation,
            best=[p.copy() for p in engine.kept()] if self._stops_early() else None,
            records=records,
            random_state=self._random_state,
            limits=limits,
            shuffle=bool(self.shuffle),
        )

    def _progress(self, fit: Fit, *, may_be_live: bool) -> Progress:
        return Progress(
            "iteration" if self.solver == "lbfgs" else "epoch",
            fit.limits.max_iter,
            verbose=self.verbose,
            first=fit.records.n_iter,
            may_be_live=may_be_live,
        )

    def _fingerprint(self, fit: Fit) -> dict[str, str]:
        """What a checkpoint knows the fit by."""
        parameters = self.get_params(deep=False) | {"hidden_layer_sizes": self._hidden_units()}
        classes = getattr(self, "classes_", None)
        return fingerprint(type(self).__name__, parameters, classes, fit)


class _Publisher(Observer):
    """Lets the estimator, and whoever looks at it, know what the epoch has brought."""

    def __init__(self, estimator: BaseMLP) -> None:
        self._attributes = estimator.__dict__

    def end_epoch(self, fit: Fit) -> bool:
        for name, value in fit.records.counted.items():  # the lists are the records' own
            self._attributes[ATTRIBUTE_OF[name]] = value
        return False
