"""Files that are damaged, or made to do harm: refused in one way, at once, in little memory."""

import os
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_load import CORPUS, by_chance
from model_mutations import Parts, assembled, parts_of, signed

import pymlp
from pymlp._files.container import FORMAT, MAX_HEADER, MAX_REASON

RELEASED = Path(__file__).parent / "released/0.1.0"
SMALL = (RELEASED / "hinge.safetensors").read_bytes()
N_HEADER = int.from_bytes(SMALL[:8], "little")


def load(content: bytes, folder: Path) -> Any:
    """Load a file of this content, with bounds on what that takes."""
    path = folder / "model.safetensors"
    path.write_bytes(content)
    tracemalloc.start()
    begin = time.process_time()
    try:
        return pymlp.load(path)
    except ValueError as error:
        message = str(error).removeprefix(f"'{path}' cannot be loaded: ")
        if not len(message) < min(len(str(error)), MAX_REASON + 2):
            raise AssertionError(str(error)) from error
        raise
    finally:
        assert time.process_time() - begin < 5  # no speed, but the end of a file of a few KB
        assert tracemalloc.get_traced_memory()[1] < 2**23 + 40 * len(content)
        tracemalloc.stop()


# --- damaged -------------------------------------------------------------------------------------


# by default the beginning, the end and every seventh place between
SOME = sorted({*range(200), *range(0, len(SMALL), 7), *range(len(SMALL) - 16, len(SMALL))})
SOME_OR_ALL = pytest.mark.parametrize(
    "places", [SOME, pytest.param(range(len(SMALL)), marks=pytest.mark.long)], ids=["some", "all"]
)


@SOME_OR_ALL
def test_every_truncation_is_refused(places: Sequence[int], tmp_path: Path) -> None:
    path = tmp_path / "model"
    for length in places:
        path.write_bytes(SMALL[:length])
        with pytest.raises(ValueError, match="cannot be loaded"):
            pymlp.load(path)


@pytest.mark.parametrize("flipped", [1, 0x80])
@SOME_OR_ALL
def test_every_altered_byte_is_noticed(flipped: int, places: Sequence[int], tmp_path: Path) -> None:
    path = tmp_path / "model"
    for at in places:
        path.write_bytes(SMALL[:at] + bytes([SMALL[at] ^ flipped]) + SMALL[at + 1 :])
        with pytest.raises(ValueError, match="cannot be loaded"):
            pymlp.load(path)


@pytest.mark.parametrize("more", [b"\0", b" " * 8, SMALL])
def test_more_than_the_file_is_refused(more: bytes, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="its checksum is wrong"):
        load(SMALL + more, tmp_path)
    with pytest.raises(ValueError, match="SafetensorError"):
        load(signed(SMALL + more), tmp_path)


# --- no such file --------------------------------------------------------------------------------


def test_files_of_other_kinds(tmp_path: Path) -> None:
    from safetensors.numpy import save

    others = [
        b"",
        b"\0" * 7,
        b"\0" * 200,
        b"PK\x03\x04" + b"\0" * 999,
        b"\x80\x04K\x01.",
        b"{" * 500,
    ]
    others.append(save({"a": np.zeros(3)}))
    others.append(save({"a": np.zeros(3)}, {"format": "np"}))
    for content in others:
        with pytest.raises(ValueError, match="it was not written by pymlp"):
            load(content, tmp_path)


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pymlp.load(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="No such file or directory: ''"):
        pymlp.load("")
    with pytest.raises(IsADirectoryError):
        pymlp.load(tmp_path)
    with pytest.raises(NotADirectoryError):
        pymlp.load(RELEASED / "hinge.npz" / "model")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", "/dev/null"):  # none is waited for, or read
        with pytest.raises(ValueError, match="it is not a regular file"):
            pymlp.load(path)
    with pytest.raises(ValueError, match="null byte"):
        pymlp.load("model\0")
    with pytest.raises(TypeError, match="not int"):
        pymlp.load(0)  # type: ignore[arg-type]


@pytest.fixture
def ordinary_user() -> Iterator[None]:
    """Whoever runs the tests may be root, to whom no file is closed."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.usefixtures("ordinary_user")
def test_a_file_that_may_not_be_read() -> None:
    closed = Path("/etc/shadow")
    if not closed.exists():
        pytest.skip("no file that is closed to users")
    with pytest.raises(PermissionError, match="shadow"):
        pymlp.load(closed)


# --- the format's own attacks --------------------------------------------------------------------


def header_of(content: bytes) -> str:
    return content[8 : 8 + N_HEADER].decode()


def with_header(header: str | bytes, data: bytes = SMALL[8 + N_HEADER :]) -> bytes:
    raw = header.encode() if isinstance(header, str) else header
    return signed(len(raw).to_bytes(8, "little") + raw + data)


@pytest.mark.parametrize("size", [MAX_HEADER + 1, 2**40, 2**63, 2**64 - 1])
def test_a_huge_header_is_not_read(size: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"its header claims {size} bytes"):
        load(signed(size.to_bytes(8, "little") + SMALL[8:]), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"shape":[4,3]', '"shape":[4,-3]', "SafetensorError"),
        ('"shape":[4,3]', '"shape":[4,1000000000000]', "SafetensorError"),
        ('"shape":[4,3]', '"shape":[4611686018427387904,4611686018427387904]', "SafetensorError"),
        ('"shape":[4,3]', '"shape":[12]', "are no network's"),
        ('"shape":[4,3]', '"shape":[3,4]', "are no network's"),
        ('"shape":[4,3]', '"shape":[1' + ",1" * 99 + ",4,3]", "ValueError|are no network's|dim"),
        ('"dtype":"F64","shape":[4,3]', '"dtype":"I64","shape":[4,3]', "not of one floating-point"),
        ('"dtype":"F64","shape":[4,3]', '"dtype":"F32","shape":[4,6]', "not of one floating-point"),
        ('"dtype":"F64","shape":[4,3]', '"dtype":"BF16","shape":[4,12]', "an array of BF16"),
        ('"dtype":"F64","shape":[4,3]', '"dtype":"object","shape":[4,3]', "SafetensorError"),
        ('"data_offsets":[0,96]', '"data_offsets":[0,97]', "SafetensorError"),
        ('"data_offsets":[0,96]', '"data_offsets":[96,0]', "SafetensorError"),
        ('"data_offsets":[0,96]', '"data_offsets":[-96,0]', "SafetensorError"),
        ('"data_offsets":[0,96]', '"data_offsets":[1099511627776,1099511627872]', "SafetensorE"),
        ('"data_offsets":[96,', '"data_offsets":[0,', "SafetensorError"),  # overlapping
        ('"coefs_.0":', '"intercepts_.0":', "a name occurs twice"),
        ('"coefs_.0":', '"coefs_.1":', "not of one floating-point type"),
        ('"coefs_.0":', '"replay.X":', "a name occurs twice"),
        ('"coefs_.0":', '"__metadata__":', "a name occurs twice"),
        ('"coefs_.0":', '"coefs_.0" ', "JSONDecodeError"),
        ('"coefs_.0":{', '"coefs_.0":' + "[" * 40_000 + "{", "RecursionError"),
        ('"coefs_.0":{', '"coefs_.0":' + '{"a":' * 40_000 + "{", "RecursionError"),
        ('"shape":[4,3]', '"shape":[4,NaN]', "NaN, which is no JSON"),
        ('"shape":[4,3]', '"shape":[4,' + "9" * 10_000 + "]", "Exceeds the limit"),
    ],
)
def test_attacks_on_the_header(old: str, new: str, reason: str, tmp_path: Path) -> None:
    header = header_of(SMALL)
    assert old in header
    with pytest.raises(ValueError, match=reason):
        load(with_header(header.replace(old, new, 1)), tmp_path)


def test_a_header_that_is_no_text(tmp_path: Path) -> None:
    header = header_of(SMALL).encode()
    with pytest.raises(ValueError, match="UnicodeDecodeError"):
        load(with_header(header.replace(b"coefs_.0", b"coefs_.\xff")), tmp_path)
    with pytest.raises(ValueError, match="it was not written by pymlp"):
        load(with_header(header_of(SMALL).encode("utf-16")), tmp_path)
    with pytest.raises(ValueError, match="it was not written by pymlp"):
        load(with_header(" " + header_of(SMALL)), tmp_path)


# --- what a file claims of its model -------------------------------------------------------------

Change = Callable[[Parts], Any]


def model(parts: Parts) -> Any:
    return parts.description["model"]


def put(*path: Any) -> Change:
    """Change that puts the last of the path at the place that the others lead to."""
    *keys, last, value = path

    def change(parts: Parts) -> None:
        place = model(parts)
        for key in keys:
            place = place[key]
        place[last] = value

    return change


def fill(name: str, value: float, dtype: str = "<f8") -> Change:
    def change(parts: Parts) -> None:
        (tensor,) = (t for t in parts.tensors if t[0] == name)
        values = np.frombuffer(tensor[3], dtype).copy()
        values[-1] = value
        tensor[3] = values.tobytes()

    return change


DEEP: Any = 0
for _ in range(400):
    DEEP = [DEEP]


def claim(key: str, value: Any) -> Change:
    return lambda parts: parts.description.update({key: value})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (claim("format", FORMAT + 1), f"its format is {FORMAT + 1}, this version of pymlp reads"),
        (claim("format", 10**30), "written by a newer one"),
        (claim("format", 0), "its format is 0"),
        (claim("format", True), "its format is True"),
        (claim("format", "1"), "its format is '1'"),
        (lambda parts: parts.description.pop("format"), "its format is None"),
        (lambda parts: parts.description.pop("model"), "but no model"),
        (claim("model", []), "it is not as pymlp writes it"),
        (put("class", "os.system"), "it names the class 'os.system'"),
        (put("class", "MLPRegressor"), "which MLPRegressor does not know"),
        (put("class", ["MLPClassifier"]), "TypeError"),
        (put("parameters", "alpha", -1), "The 'alpha' parameter of MLPClassifier must be"),
        (put("parameters", "alpha", {"float": "nan"}), "The 'alpha' parameter"),
        (put("parameters", "command", "rm -rf"), r"it has the parameters \['command'\]"),
        (put("parameters", "self", 1), r"it has the parameters \['self'\]"),
        (put("parameters", "init", {"function": "os.system"}), "of the unknown kind 'function'"),
        (put("parameters", "scoring", "os.system"), "The 'scoring' parameter"),
        (put("parameters", "learning_rate", {"schedule": {"class": "eval"}}), "no schedule of"),
        (put("parameters", "learning_rate", {"schedule": {"class": "Step", "every": 0}}), "every"),
        (put("parameters", "hidden_layer_sizes", [[1], [2, 3]]), "hidden_layer_sizes must be"),
        (put("parameters", "hidden_layer_sizes", "abc"), "The 'hidden_layer_sizes' parameter"),
        (put("parameters", "activation", ["relu"]), "one value a hidden layer"),
        (put("parameters", "dropout", [2.0]), "must be numbers in the range"),
        (put("parameters", "class_weight", DEEP), "it nests more than 32 values"),
        (put("parameters", "class_weight", {"dict": [[[1], 2]]}), "unhashable"),
        (put("outputs", "activation", "exp"), "it has the output activation 'exp'"),
        (put("outputs", "activation", "os.system"), "it has the output activation"),
        (put("outputs", "target", "Indicator"), "is_sparse"),
        (put("outputs", "target", "MultiOutput"), "where there should be list"),
        (put("outputs", "target", "Target"), "no kind of labels"),
        (
            put("outputs", "classes", {"array": {"dtype": "int64", "values": [1, 2]}}),
            "its classes n",
        ),
        (put("outputs", "classes", {"array": {"dtype": "int64", "values": [1, 2, 2]}}), "distinct"),
        (
            put("outputs", "classes", {"array": {"dtype": "int64", "values": [3, 2, 1]}}),
            "ascending",
        ),
        (put("outputs", "classes", {"array": {"dtype": "int64", "values": []}}), "its classes are"),
        (put("outputs", "classes", {"array": {"dtype": "O", "values": [1]}}), "unknown type 'O'"),
        (
            put("outputs", "classes", {"array": {"dtype": "U9999999", "values": ["a"]}}),
            "claims to be",
        ),
        (put("outputs", "classes", {"array": {"dtype": "U1", "values": ["ab"]}}), "claims to be"),
        (put("outputs", "classes", {"array": {"dtype": "U1", "values": [DEEP]}}), "it nests more"),
        (put("counts", "n_iter_", -1), "it counts 'n_iter_': -1"),
        (put("counts", "n_iter_", 1e9), "it counts 'n_iter_'"),
        (put("counts", "coefs_", 1), "it counts 'coefs_'"),
        (put("counts", "__class__", 1), "it counts '__class__'"),
        (lambda parts: model(parts)["counts"].pop("t_"), "it lacks t_"),
        (put("measures", "loss_", "low"), "it measures 'loss_'"),
        (put("measures", "predict", 1.0), "it measures 'predict'"),
        (put("goal", ["loss", 2]), "it follows"),
        (put("history", ["loss", "loss"]), "KeyError"),
        (put("history", []), "arrays that do not belong to its model"),
        (put("feature_names", ["a"]), "it names 1 features of 4"),
        (put("feature_names", ["a", "b", "c", 4]), "it names 4 features of 4"),
        (put("optimizer", "solver", "eval"), "The 'solver' parameter of the optimizer"),
        (put("optimizer", "steps", -1), "its optimizer counts steps"),
        (put("optimizer", "learning_rate", 0.0), "its optimizer has the learning rate 0.0"),
        (put("optimizer", "rates", [1]), "not enough values"),
        (put("optimizer", "rates", [0, "constant", 0.5]), "The 'learning_rate_init' parameter"),
        (put("optimizer", "command", "true"), "TypeError"),
        (put("set_output", "os"), "it wants transform to put out 'os'"),
        (put("members", []), None),  # not asked for
        (fill("coefs_.0", np.nan), "coefs_, intercepts_ are not finite"),
        (fill("intercepts_.0", np.inf), "coefs_, intercepts_ are not finite"),
        (fill("coefs_.0", 1000.0), "its network does not give the outputs that it gave before"),
        (fill("replay.X", np.nan), "its rows to be replayed are none, or not finite"),
        (fill("replay.outputs", 1000.0), "its network does not give the outputs"),
        (fill("replay.X", 1.7e308), "its network does not give the outputs"),
        (lambda parts: parts.tensors.append(["x", "F64", [1], b"\0" * 8]), "do not belong"),
        (lambda parts: parts.tensors.pop(), "KeyError"),
    ],
)
def test_what_contradicts_itself_is_refused(
    change: Change, reason: str | None, tmp_path: Path
) -> None:
    parts = parts_of(SMALL)
    change(parts)
    if reason is None:
        load(assembled(parts), tmp_path)
        return
    with pytest.raises(ValueError, match=reason):
        load(assembled(parts), tmp_path)


def test_a_list_of_no_quantiles_is_refused(tmp_path: Path) -> None:
    reg = pymlp.MLPRegressor(solver="lbfgs").fit(np.eye(4), np.arange(4.0))
    reg.save(tmp_path / "file")
    parts = parts_of((tmp_path / "file").read_bytes())
    put("outputs", "is_list", True)(parts)
    with pytest.raises(ValueError, match="it has the quantiles None"):
        load(assembled(parts), tmp_path)


def test_the_parts_are_those_of_a_sound_file(tmp_path: Path) -> None:
    """Otherwise the tests above would show nothing."""
    for path in RELEASED.glob("*.safetensors"):
        load(assembled(parts_of(path.read_bytes())), tmp_path)


def test_another_activation_is_noticed_by_replaying(tmp_path: Path) -> None:
    for name in ("classifier", "bfloat16", "regressor"):
        parts = parts_of((RELEASED / f"{name}.safetensors").read_bytes())
        load(assembled(parts), tmp_path)
        put("parameters", "activation", "softplus")(parts)
        with pytest.raises(ValueError, match="its network does not give the outputs"):
            load(assembled(parts), tmp_path)


def test_ensembles_of_strangers_are_refused(tmp_path: Path) -> None:
    content = (RELEASED / "ensemble.safetensors").read_bytes()

    def refused(change: Change, reason: str) -> None:
        parts = parts_of(content)
        change(parts)
        with pytest.raises(ValueError, match=reason):
            load(assembled(parts), tmp_path)

    refused(put("members", []), "without members|do not belong")
    refused(put("members", 0, "class", "MLPRegressor"), "it has 'MLPRegressor' for a member")
    refused(put("members", 0, "class", "MLPEnsembleClassifier"), "for a member")
    refused(put("parameters", "estimator", "class", "MLPRegressor"), "for the members")
    other = {"array": {"dtype": "U3", "values": ["a", "b", "c"]}}
    refused(put("members", 1, "outputs", "classes", other), "its members differ")
    refused(lambda parts: model(parts)["members"].pop(), "do not belong to its model")


def test_json_that_grows_in_memory(tmp_path: Path) -> None:
    """The bound in `load` is 40 times the file."""
    parts = parts_of(SMALL)
    for values in ([[]] * 40_000, [{}] * 40_000, [0] * 40_000, [""] * 40_000):
        put("parameters", "class_weight", values)(parts)
        with suppress(ValueError):
            load(assembled(parts), tmp_path)


# --- fuzzing -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_fuzzers_corpus(path: Path, tmp_path: Path) -> None:
    try:
        est = load(path.read_bytes(), tmp_path)
    except ValueError:
        assert path.suffix == ""  # not one of a released version
    else:
        est.predict(np.zeros((1, est.n_features_in_)))


def test_a_few_thousand_mutated_files() -> None:
    outcomes = by_chance(1000, seed=0).outcomes
    assert sum(outcomes.values()) >= 1000
    assert outcomes["loaded"] > 25
    assert len(outcomes) > 50


@pytest.mark.long
def test_a_hundred_thousand_mutated_files() -> None:
    assert by_chance(100_000, seed=1).outcomes["loaded"] > 2000
