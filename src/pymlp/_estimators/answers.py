"""Where here is what Keras, skorch, PyTorch and others are given by another name or elsewhere."""

from .options import EstimatorOptions

_EPOCH = "an epoch passes all samples, in mini-batches of batch_size"
_EPOCHS = "the constructor's max_iter counts epochs"
_VALIDATION = "X_val=..., y_val=... are the validation set"

OF_FIT = {
    "callbacks": "set_callbacks(...) sets them, before fit",
    "classes": "y tells them; partial_fit is told",
    "coef_init": "the constructor's warm_start goes on from coefs_ and intercepts_",
    "epochs": _EPOCHS,
    "eval_set": _VALIDATION,
    "initial_epoch": "the constructor's warm_start, or resume, goes on from the last epoch",
    "intercept_init": "the constructor's warm_start goes on from coefs_ and intercepts_",
    "max_epochs": _EPOCHS,
    "n_epochs": _EPOCHS,
    "nb_epoch": _EPOCHS,
    "steps_per_epoch": _EPOCH,
    "validation_batch_size": _EPOCH,
    "validation_data": _VALIDATION,
    "validation_split": (
        "X_val=..., y_val=... are the validation set, or the constructor's early_stopping holds "
        "validation_fraction out"
    ),
    "validation_steps": _EPOCH,
}
OF_PARTIAL_FIT = OF_FIT | {
    "classes": "y has no classes",  # of a regressor
    "epochs": "each call is one epoch",
    "max_epochs": "each call is one epoch",
    "n_epochs": "each call is one epoch",
    "resume": "fit(..., resume=path) goes on after a crash",
    "validation_split": _VALIDATION,
}
# methods of scikit-learn's estimators that people override, which nothing would call here
OVERRIDDEN = {
    "_init_coef": "give init a function (n_in, n_out, random_state)",
    "_initialize": "give init a function (n_in, n_out, random_state)",
    "_backprop": "see loss, clip_norm and dropout",
    "_compute_loss_grad": "see loss, alpha and weight_decay",
    "_update_no_improvement_count": "a callback ends a fit: its on_epoch_end returns True",
}
_SIZES = "hidden_layer_sizes are the hidden layers' units"
_INIT = "init says how the weights are drawn"
OF_NETWORK = {
    "activation_function": "activation is the hidden layers'",
    "callbacks": "set_callbacks(...) sets them",
    "criterion": "loss names it",
    "device": "it runs on the CPU",
    "dropout_rate": "dropout is the share, one for all hidden layers or one for each",
    "dtype": "precision is the type of the arithmetic",
    "early_stopping_rounds": "early_stopping=True with n_iter_no_change",
    "epochs": "max_iter counts them",
    "eta": "here it is learning_rate_init",
    "eta0": "here it is learning_rate_init",
    "hidden_dim": _SIZES,
    "hidden_layers": _SIZES,
    "hidden_sizes": _SIZES,
    "hidden_units": _SIZES,
    "initializer": _INIT,
    "kernel_initializer": _INIT,
    "kernel_regularizer": "alpha is the strength of the L2 penalty",
    "l2": "alpha is the strength of the L2 penalty",
    "layers": _SIZES,
    "lr": "here it is learning_rate_init",
    "max_epochs": "max_iter counts them",
    "metrics": "scoring names one; history_ has losses and accuracies",
    "n_epochs": "max_iter counts them",
    "n_hidden": _SIZES,
    "n_jobs": "here it is n_threads",
    "optimizer": "solver names it",
    "output_activation": "loss decides the outputs' activation",
    "patience": "n_iter_no_change counts epochs without progress",
    "seed": "here it is random_state",
    "units": _SIZES,
    "validation_split": "validation_fraction, with early_stopping=True",
}
OF_ENSEMBLE = dict.fromkeys(
    EstimatorOptions._parameter_constraints, "it is a parameter of the members: estimator has it"
) | {
    "base_estimator": "here it is estimator",
    "members": "n_estimators counts them",
    "n_jobs": "here it is n_threads",
    "n_members": "n_estimators counts them",
    "seed": "here it is random_state",
}
_CATEGORIES = "categorical_features of the constructor names those columns"
OF_TABLE_FIT = {name: OF_FIT[name] for name in ("epochs", "eval_set", "validation_data")} | {
    "cat_features": _CATEGORIES,
    "categorical_feature": _CATEGORIES,
    "early_stopping_rounds": "the constructor's n_iter_no_change counts epochs without progress",
}
OF_TABLE = {
    "cat_features": "here it is categorical_features",
    "early_stopping": "each network keeps its best epoch, always; n_iter_no_change ends it early",
    "early_stopping_rounds": "n_iter_no_change counts epochs without progress",
    "eval_metric": "scoring names one",
    "iterations": "max_iter counts epochs, n_estimators networks",
    "max_depth": "networks have hidden_layer_sizes",
    "num_leaves": "networks have hidden_layer_sizes",
    "objective": "a regressor's loss names it",
    "random_seed": "here it is random_state",
    **{name: OF_NETWORK[name] for name in ("epochs", "lr", "n_jobs", "seed")},
    "thread_count": "here it is n_threads",
    "verbose": "history_ has what was measured",
}
