"""What a name was meant for that is not among the allowed ones."""

from collections.abc import Iterable
from difflib import get_close_matches

# what is called otherwise in Keras, PyTorch or elsewhere, where it is not spelled alike
_CALLED = {
    "identity": ("linear", "none"),
    "logistic": ("sigmoid",),
    "silu": ("swish",),
    "sgd": ("momentum", "nesterov"),
    "squared_error": ("mse", "mean_squared_error", "rmse", "l2"),
    "absolute_error": ("mae", "mean_absolute_error", "l1"),
    "huber": ("smooth_l1",),
    "pinball": ("quantile",),
    "log_loss": ("bce", "nll"),
    "cosine": ("cosine_annealing", "cosine_decay"),
    "warm_up": ("linear_warmup",),
    "adaptive": ("plateau", "reduce_on_plateau", "reduce_lr_on_plateau"),
    "he_normal": ("kaiming", "kaiming_normal"),
    "he_uniform": ("kaiming_uniform",),
    "glorot_uniform": ("glorot", "xavier", "xavier_uniform"),
    "glorot_normal": ("xavier_normal",),
    "bfloat16": ("bf16",),
    "float32": ("single",),
    "float64": ("double",),
    # scores and columns of a history
    "neg_mean_squared_error": ("mse", "squared_error"),
    "neg_root_mean_squared_error": ("rmse",),
    "neg_mean_absolute_error": ("mae", "absolute_error"),
    "neg_log_loss": ("log_loss", "nll"),
    "roc_auc": ("auc",),
    "loss": ("val_loss",),
    "val_accuracy": ("val_acc",),
    "accuracy": ("acc", "val_acc", "val_accuracy"),
    "learning_rate": ("lr",),
}


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Find the allowed name that another one stands for, or is most like."""
    by_lower = {other.lower(): other for other in allowed}
    given = name.lower()
    lower = given.replace("-", "_").removesuffix("_loss")
    called = [other for other, names in _CALLED.items() if {given, lower} & {*names}]
    if lower.replace("_", "").endswith("crossentropy"):
        called = ["focal"] if "focal" in lower else ["log_loss", "neg_log_loss"]
    close = get_close_matches(given, by_lower, n=1)
    part = [n for n in by_lower if (lower and n.startswith(lower)) or (len(n) > 2 and n in given)]
    found = (by_lower[n] for n in (given, lower, *called, *close, *part) if n in by_lower)
    return next(found, None)


def meant(name: object, allowed: Iterable[str]) -> str:
    """Ask, at the end of a sentence, whether an allowed name was meant; '' if none is like it."""
    found = nearest(name, allowed) if isinstance(name, str) else None
    return "" if found is None else f" Did you mean {found!r}?"
