"""``python -m pymlp``: the data it makes, how it trains, what it prints, how it fails."""

import re
import subprocess
import sys
import warnings
from typing import ClassVar

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import pymlp
from pymlp._lecture import data, table
from pymlp._lecture import job as _lecture
from pymlp._lecture.command import main

TINY = (_lecture.Network((), 0.05, 0.8911), _lecture.Network((8, 4), 0.1, 0.9529))


@pytest.fixture
def tiny(monkeypatch):
    """Two small networks and few epochs, so that a run takes a moment."""
    monkeypatch.setattr(_lecture, "NETWORKS", TINY)
    monkeypatch.setattr(_lecture, "MAX_EPOCHS", 3)


@pytest.fixture
def mnist_folder(tmp_path):
    """400 training and 30 test images of 3 x 2 pixels, two of which tell the label."""
    for name, array in mnist_arrays().items():
        kind = f"idx{array.ndim}-ubyte"
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        content = bytes([0, 0, 0x08, array.ndim]) + sizes + array.tobytes()
        (tmp_path / f"{name}-{kind}").write_bytes(content)
    return tmp_path


def mnist_arrays():
    generator = np.random.default_rng(0)

    def part(n):
        labels = generator.integers(0, 4, n).astype(np.uint8)
        images = generator.integers(0, 256, (n, 3, 2), dtype=np.uint8)
        images[:, 0, 0] = 200 * (labels % 2)
        images[:, 0, 1] = 200 * (labels // 2)
        return images, labels

    train, test = part(400), part(30)
    names = ("train-images", "train-labels", "t10k-images", "t10k-labels")
    return dict(zip(names, (*train, *test), strict=True))


@pytest.fixture
def standin(monkeypatch):
    """A class in pymlp's and scikit-learn's place that keeps its calls and does `during_fit`."""

    class Standin:
        made: ClassVar[list["Standin"]] = []
        n_iter_, max_iter = 2, 3
        coefs_, intercepts_ = (np.zeros((2, 3)),), (np.zeros(3),)

        def __init__(self, **parameters):
            self.parameters = parameters
            self.made.append(self)

        def fit(self, X, y, **validation):
            self.fitted_on = X, y, validation
            self.during_fit()

        def during_fit(self):
            pass

        def score(self, X, y):
            return 0.5

    monkeypatch.setattr(pymlp, "MLPClassifier", Standin)
    monkeypatch.setattr(_lecture, "SklearnMLPClassifier", Standin)
    return Standin


def rows(text):
    """The cells of the printed table, header first."""
    lines = text.splitlines()
    rule = next(number for number, line in enumerate(lines) if re.fullmatch("-{20,}", line))
    return [re.split(r"\s{2,}", line.strip()) for line in (lines[rule - 1], *lines[rule + 1 :])]


# --- data ---------------------------------------------------------------------------------------


def test_the_networks_are_the_lectures():
    assert [(n.hidden, n.learning_rate, n.lecture_accuracy) for n in _lecture.NETWORKS] == [
        ((), 0.05, 0.8911),
        ((50,), 0.1, 0.9380),
        ((200,), 0.1, 0.9437),
        ((1000,), 0.1, 0.9462),
        ((500, 500), 0.1, 0.9529),
    ]


def test_digits_are_scaled_centred_and_stratified():
    split = data.digits_split()
    assert split.X_train.shape == (1212, 64)
    assert split.X_val.shape == (135, 64)
    assert split.X_test.shape == (450, 64)
    assert {X.dtype for X in (split.X_train, split.X_val, split.X_test)} == {np.dtype(np.float32)}
    # Stratified: every digit has its share of the test set, to within one image.
    share = np.bincount(load_digits().target) * 450 / 1797
    assert np.abs(np.bincount(split.y_test) - share).max() <= 1
    training = np.concatenate([split.X_train, split.X_val])
    np.testing.assert_allclose(training.mean(axis=0), 0, atol=1e-6)
    assert np.ptp(training, axis=0).max() == 1  # white paper to full ink


@pytest.mark.parametrize(("full", "step"), [(False, 10), (True, 1)])
def test_mnist_is_split_as_in_the_lecture(mnist_folder, full, step):
    arrays = mnist_arrays()
    X = arrays["train-images"].reshape(-1, 6)[::step] / 255
    mean = X.mean(axis=0)
    X_train, X_val, y_train, y_val = train_test_split(
        X - mean, arrays["train-labels"][::step], train_size=0.9, random_state=4487
    )
    split = data.mnist_split(mnist_folder, full)
    assert len(split.X_train) == 0.9 * 400 / step
    np.testing.assert_allclose(split.X_train, X_train, atol=1e-6)
    np.testing.assert_allclose(split.X_val, X_val, atol=1e-6)
    np.testing.assert_allclose(
        split.X_test, arrays["t10k-images"].reshape(-1, 6) / 255 - mean, atol=1e-6
    )
    np.testing.assert_array_equal(split.y_train, y_train)
    np.testing.assert_array_equal(split.y_val, y_val)
    np.testing.assert_array_equal(split.y_test, arrays["t10k-labels"])
    assert split.X_train.dtype == split.X_val.dtype == split.X_test.dtype == np.float32


# --- training -----------------------------------------------------------------------------------


def test_what_the_estimators_are_asked(standin, mnist_folder):
    split = data.mnist_split(mnist_folder, full=True)
    job = _lecture.Job(split, seed=7, n_threads=2, compare=True)
    _lecture.train_all(job, [])
    assert len(standin.made) == 2 * len(_lecture.NETWORKS)
    made = iter(standin.made)
    for network in _lecture.NETWORKS:
        ours, peer = next(made), next(made)
        common = {
            "hidden_layer_sizes": network.hidden,
            "activation": "relu",
            "solver": "sgd",
            "alpha": 0.0,
            "batch_size": 50,
            "learning_rate_init": network.learning_rate,
            "momentum": 0.9,
            "nesterovs_momentum": True,
            "random_state": 7,
        }
        assert ours.parameters == common | {
            "max_iter": _lecture.MAX_EPOCHS,
            "early_stopping": True,
            "tol": 1e-4,
            "n_iter_no_change": 5,
            "n_threads": 2,
            "precision": None,
        }
        # As many epochs as ours took, and no reason to stop before.
        assert peer.parameters == common | {"max_iter": 2, "tol": 0.0, "n_iter_no_change": 2}
        assert ours.fitted_on[0] is peer.fitted_on[0] is split.X_train
        assert ours.fitted_on[1] is peer.fitted_on[1] is split.y_train
        assert ours.fitted_on[2]["X_val"] is split.X_val
        assert ours.fitted_on[2]["y_val"] is split.y_val
        assert peer.fitted_on[2] == {}


def test_scikit_learn_runs_the_same_number_of_epochs(mnist_folder):
    job = _lecture.Job(data.mnist_split(mnist_folder), n_threads=1)
    for network in TINY:
        training = _lecture.train_sklearn(network, job, epochs=4)
        assert training.epochs == 4
        assert training.remarks == ()
    assert training.n_parameters == 6 * 8 + 8 + 8 * 4 + 4 + 4 * 4 + 4


def test_the_seed_decides(mnist_folder):
    split = data.mnist_split(mnist_folder, full=True)
    network = _lecture.Network((8,), 0.1, 0.0)

    def accuracy(seed):
        training = _lecture.train_ours(network, _lecture.Job(split, seed=seed, n_threads=1))
        return training.accuracy, training.epochs

    assert accuracy(0) == accuracy(0)
    assert len({accuracy(seed) for seed in range(6)}) > 1


# --- the command line ---------------------------------------------------------------------------


@pytest.mark.usefixtures("tiny")
def test_default_run(capsys):
    assert main(["--threads", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    facts = pymlp.show_config(display=False)
    assert lines[0].startswith(f"pymlp {facts['version']}: {facts['isa']} (of ")
    assert "threads 1, " in lines[0]
    assert lines[0].endswith(facts["processor"])
    assert not re.search("blas|cuda", lines[0], re.IGNORECASE)  # neither is a fit's
    assert lines[1] == (
        "scikit-learn's digits: 1212 for training, 135 for validation, 450 for testing; "
        "float32, seed 0"
    )
    # Not a terminal: one plain line a network, no control characters.
    assert lines[2:4] == ["training 1/2: 64-10", "training 2/2: 64-8-4-10"]
    assert captured.out.isascii()
    assert "\x1b" not in captured.out
    header, first, second, note = rows(captured.out)
    assert header == ["network", "parameters", "epochs", "seconds", "test accuracy"]
    assert first[:3] == ["64-10", "650", "3*"]
    assert second[:3] == ["64-8-4-10", "606", "3*"]
    assert 0.8 < float(first[4]) <= 1
    assert note == ["* stopped by the limit of 3 epochs, not by validation accuracy"]


def test_configuration_as_it_is_printed(capsys):
    assert pymlp.show_config() is None
    printed = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    facts = pymlp.show_config(display=False)
    assert printed.keys() == facts.keys() - {"blas", "cuda"}
    assert printed["processor"] == facts["processor"] != ""
    assert int(printed["threads"]) == facts["threads"]


def test_argv_is_read(standin, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pymlp", "--seed", "11"])
    assert main() == 0
    assert {made.parameters["random_state"] for made in standin.made} == {11}
    assert {made.parameters["n_threads"] for made in standin.made} == {None}
    assert f"threads {pymlp.show_config(display=False)['threads']}, " in capsys.readouterr().out


def test_lecture_column(standin, mnist_folder, capsys):
    assert main(["--data", str(mnist_folder)]) == 0
    out = capsys.readouterr().out
    assert "MNIST, every tenth training image: 36 for training, 4 for validation, 30" in out
    header, *body = rows(out)
    assert header[-2:] == ["test accuracy", "lecture"]
    assert [row[-1] for row in body] == ["0.8911", "0.9380", "0.9437", "0.9462", "0.9529"]
    assert {row[-2] for row in body} == {"0.5000"}
    assert {made.parameters["batch_size"] for made in standin.made} == {36}


@pytest.mark.usefixtures("standin")
def test_full(mnist_folder, capsys):
    assert main(["--data", str(mnist_folder), "--full"]) == 0
    out = capsys.readouterr().out
    assert "MNIST, all training images: 360 for training, 40 for validation, 30" in out
    assert "lecture: its networks saw every tenth training image, these saw all" in out


@pytest.mark.usefixtures("tiny")
def test_compare(mnist_folder, capsys):
    assert main(["--data", str(mnist_folder), "--full", "--compare", "--threads", "1"]) == 0
    out = capsys.readouterr().out
    assert "training 2/2: 6-8-4-4 with scikit-learn" in out
    header, *body = rows(out)
    assert header[-4:] == ["lecture", "scikit-learn s", "its accuracy", "ratio"]
    assert all(float(ratio) > 0 for *_, ratio in body[:2])
    assert f"scikit-learn {sklearn.__version__}: same rows, seed and number of epochs" in out
    assert "converged" not in out


def test_the_ratio_is_scikit_learns_time_by_ours():
    ours = _lecture.Training(None, 650, epochs=9, seconds=0.5, accuracy=0.25)
    peer = _lecture.Training(None, 650, epochs=9, seconds=4.0, accuracy=0.75)
    result = _lecture.Result(TINY[0], "64-10", ours, peer)
    text = table.table(_lecture.Job(data.digits_split(), compare=True), [result])
    assert rows(text)[1] == ["64-10", "650", "9", "0.50", "0.2500", "4.00", "0.7500", "8.0"]


def test_warnings_become_lines_below_the_table(standin, capsys):
    def diverge(self):
        warnings.warn("the loss is not finite", ConvergenceWarning, stacklevel=2)

    standin.during_fit = diverge
    assert main(["--compare"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    notes = out[out.index("64-500-500-10  ") :]
    assert "\n64-50-10: the loss is not finite\n" in notes
    assert "\n64-50-10, scikit-learn: the loss is not finite\n" in notes


def test_interrupt_prints_the_rows_done(standin, capsys):
    def interrupt(self):
        if len(self.made) == 3:
            raise KeyboardInterrupt

    standin.during_fit = interrupt
    assert main([]) == 130
    captured = capsys.readouterr()
    assert captured.err == "interrupted\n"
    assert [row[0] for row in rows(captured.out)] == ["network", "64-10", "64-50-10"]


def test_interrupt_that_fit_swallows(standin, capsys):
    """As scikit-learn's, fit keeps the model and warns; the job must not go on to the next."""

    def interrupt(self):
        if len(self.made) == 4:  # scikit-learn's second
            warnings.warn("Training interrupted by user.", stacklevel=2)

    standin.during_fit = interrupt
    assert main(["--compare"]) == 130
    captured = capsys.readouterr()
    assert captured.err == "interrupted\n"
    first, second = rows(captured.out)[1:3]
    assert first[0] == "64-10"
    assert first[-1] != "-"
    assert second[0] == "64-50-10"
    assert second[-3:] == ["-", "-", "-"]
    assert len(standin.made) == 4


@pytest.mark.parametrize(("module", "function"), [(data, "digits_split"), (_lecture, "train_ours")])
def test_interrupt_before_the_first_row(monkeypatch, capsys, module, function):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, function, interrupt)
    assert main([]) == 130
    out, err = capsys.readouterr()
    assert err == "interrupted\n"
    assert "network" not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threads", "0"], "argument --threads: expected a whole number from 1 to 1024"),
        (["--threads", "two"], "argument --threads: .* found 'two'"),
        (["--seed", "-1"], "argument --seed: expected a whole number from 0 to 4294967295"),
        (["--seed", "1.5"], "argument --seed: .* found '1.5'"),
        (["--full"], "argument --full: needs --data DIR"),
        (["--data"], "argument --data: expected one argument"),
        (["--data", "no/such/folder"], "argument --data: no.such.folder: expected a folder"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_bad_arguments(capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.search(f"^python -m pymlp: error: {message}", captured.err, re.MULTILINE)


def test_as_a_module():
    command = [sys.executable, "-m", "pymlp", "--threads", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: python -m pymlp ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", b"PK\x03\x04", "expected an IDX magic number"),
        ("t10k-labels-idx1-ubyte", b"\x1f\x8b\x08", "expected an intact gzip file"),
    ],
)
def test_damaged_data(mnist_folder, capsys, name, content, message):
    (mnist_folder / name).write_bytes(content)
    with pytest.raises(SystemExit) as stop:
        main(["--data", str(mnist_folder)])
    assert stop.value.code == 2
    assert f"argument --data: {mnist_folder / name}: {message}" in capsys.readouterr().err


# --- progress -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("standin")
def test_live_line_on_a_terminal(monkeypatch, capsys):
    rich = pytest.importorskip("rich")
    monkeypatch.setattr(rich, "_console", None)  # one that was made for another stdout
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    assert main([]) == 0
    out = capsys.readouterr().out
    live, report = out[: out.index("network  ")], out[out.index("network  ") :]
    assert "training 3/5: 64-200-10" in live
    assert "\x1b[2K" in live  # redrawn in place
    assert "training" not in report
    assert "\x1b" not in report


@pytest.mark.usefixtures("standin")
def test_plain_lines_on_a_terminal_without_rich(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out.count("training ") == 5
    assert "\x1b" not in out
