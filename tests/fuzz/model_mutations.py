"""Model files made from others: changed as a person would who means harm, or as a disk would."""

import hashlib
import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from pymlp._files.container import DIGEST, START

SIZES = {"F32": 4, "F64": 8, "I64": 8}
NUMBERS = [0, 1, -1, 2, 3, 255, 2**31, 2**53, 2**63, 10**30, 0.0, -0.0, 0.5, 1e308, 5e-324, -1e9]
NAMES = ["", "relu", "softmax", "identity", "exp", "adam", "lbfgs", "MultiOutput", "Indicator", "é"]
KINDS = [
    {"float": "nan"},
    {"float": "inf"},
    {"float": "os.system"},
    {"tuple": [3, 4]},
    {"dict": [["a", 1], [{"tuple": []}, 2]]},
    {"dict": [[[], 1]]},
    {"array": {"dtype": "int64", "values": [1, 2]}},
    {"array": {"dtype": "U9999999", "values": ["a"]}},
    {"array": {"dtype": "object", "values": [[1], [2, 3]]}},
    {"array": {"dtype": "datetime64", "values": [1]}},
    {"schedule": {"class": "Cosine", "final": 0.5}},
    {"schedule": {"class": "Step", "every": -1}},
    {"schedule": {"class": "os.system", "command": "true"}},
]
VALUES: list[Any] = [None, True, False, [], {}, [[]], *NUMBERS, *NAMES, *KINDS]
BYTES = [b"\0" * 8, b"\xff" * 8, b"\0\0\xc0\x7f" * 2, b"\0\0\x80\x7f" * 2, b"\xff\xff\x7f\x7f" * 2]


@dataclass
class Parts:
    """A file taken apart: the description, and the arrays as [name, dtype, shape, bytes]."""

    description: dict[str, Any]
    tensors: list[list[Any]]


def parts_of(content: bytes) -> Parts:
    n_bytes = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n_bytes])
    description = json.loads(header.pop("__metadata__")["pymlp"])
    tensors = []
    for name, entry in header.items():
        first, last = (8 + n_bytes + offset for offset in entry["data_offsets"])
        tensors.append([name, entry["dtype"], entry["shape"], content[first:last]])
    return Parts(description, tensors)


def assembled(parts: Parts, rng: random.Random | None = None) -> bytes:
    """File of the parts; with `rng`, now and then with wrong offsets."""
    text = json.dumps({"sha256": "0" * 64} | parts.description | {"sha256": "0" * 64})
    pieces = [f'{{"__metadata__":{{"pymlp":{json.dumps(text.replace(": ", ":", 1))}}}']
    at = 0
    for name, dtype, shape, data in parts.tensors:
        offsets = [at, at + len(data)]
        at += len(data)
        if rng is not None and rng.random() < 0.003:
            offsets[rng.randrange(2)] += rng.choice([-8, -1, 1, 8, 2**40, -(2**40)])
        entry = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        pieces.append(f"{json.dumps(name)}:{json.dumps(entry)}")
    header = (",".join(pieces) + "}").encode()
    header += b" " * (-len(header) % 8)
    return signed(
        len(header).to_bytes(8, "little") + header + b"".join(t[3] for t in parts.tensors)
    )


def signed(content: bytes) -> bytes:
    """File with a right checksum, if there is a place for one."""
    if content[8 : DIGEST.start] != START or len(content) < DIGEST.stop:
        return content
    digest = hashlib.sha256(content[: DIGEST.start] + b"0" * 64 + content[DIGEST.stop :])
    return content[: DIGEST.start] + digest.hexdigest().encode() + content[DIGEST.stop :]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Change a file in one or several places, mostly so that its checksum is right."""
    if rng.random() < 0.15:
        return _noise(content, rng)
    try:
        parts = parts_of(content)
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            change = _change_tree if rng.random() < 0.6 else _change_tensors
            change(parts, rng)
        content = assembled(parts, rng)
    except Exception:  # it makes no sense already
        return signed(_noise(content, rng))
    return signed(_noise(content, rng)) if rng.random() < 0.1 else content


def _noise(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at = rng.randrange(len(changed) + 1)
        kind = rng.randrange(4)
        if kind == 0 and changed:
            changed[at % len(changed)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[at:at] = rng.randbytes(rng.choice([1, 4, 8]))
        elif kind == 2:
            del changed[at : at + rng.choice([1, 4, 64, 4096])]
        else:
            changed[at : at + 1] = rng.choice(
                ['"', "{", "[", "]", "}", ",", "9", "\\", "\0"]
            ).encode()
    return bytes(changed)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """All pairs of a container in the tree and a key or position in it."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        container = waiting.pop()
        keys = container.keys() if isinstance(container, dict) else range(len(container))
        for key in keys:
            found.append((container, key))
            if isinstance(container[key], (dict, list)):
                waiting.append(container[key])
    return found


def _value(rng: random.Random) -> Any:
    return deepcopy(rng.choice(VALUES))  # what becomes part of a tree is changed in its turn


def _change_tree(parts: Parts, rng: random.Random) -> None:
    tree = parts.description
    places = _places(tree)
    if not places:
        return
    container, key = rng.choice(places)
    kind = rng.randrange(7)
    if kind == 0:
        del container[key]
    elif kind == 1:
        other, key_there = rng.choice(places)
        container[key] = json.loads(json.dumps(other[key_there]))
    elif kind == 2 and isinstance(container, list):
        container.insert(key, _value(rng))
    elif kind == 2:
        container[rng.choice(NAMES)] = _value(rng)
    elif kind == 3:
        for _ in range(rng.choice([1, 2, 40, 300])):  # json.dumps follows no further
            container[key] = [container[key]]
    elif kind == 4 and isinstance(container[key], (int, float)):
        container[key] = container[key] * 2 + rng.choice([-1, 1])
    elif kind == 5 and isinstance(container[key], str):
        container[key] += rng.choice(["\0", "a", "\ud800", "'", "x" * 1000])
    else:
        container[key] = _value(rng)


def _change_tensors(parts: Parts, rng: random.Random) -> None:
    tensors = parts.tensors
    if not tensors:
        return
    at = rng.randrange(len(tensors))
    name, dtype, shape, data = tensors[at]

    def drop() -> None:
        del tensors[at]

    def double() -> None:
        tensors.append([*tensors[at]])

    def rename() -> None:
        tensors[at][0] = rng.choice([rng.choice(tensors)[0], name + ".0", "coefs_.9", "", "x"])

    def retype() -> None:
        tensors[at][1] = rng.choice(["F32", "F64", "I64", "U8", "BF16", "BOOL", "F4", "C64", "?"])

    def reshape() -> None:
        sizes = [0, 1, 2, 3, 2**31, 2**62, -1, sum(shape)]
        tensors[at][2] = rng.choice([shape[::-1], [*shape, 1], shape[1:], rng.choices(sizes, k=2)])

    def resize() -> None:  # consistent within itself
        new = [max(0, n + rng.choice([-1, 0, 0, 1])) for n in shape]
        n_bytes = SIZES.get(dtype, 1)
        for n in new:
            n_bytes = min(n_bytes * n, 2**15)
        tensors[at][2:] = [new, (data + b"\0" * n_bytes)[:n_bytes]]

    def revalue() -> None:
        place = rng.randrange(len(data) + 1) & ~7
        tensors[at][3] = (data[:place] + rng.choice(BYTES) + data[place + 8 :])[: len(data)]

    def cut() -> None:
        tensors[at][3] = data[: rng.randrange(len(data) + 1)]

    def swap() -> None:
        other = rng.choice(tensors)
        tensors[at][1:], other[1:] = other[1:], tensors[at][1:]

    changes: list[Callable[[], None]] = [drop, double, rename, retype, reshape, resize, revalue]
    rng.choice([*changes, cut, swap])()
