"""Bytes made from others, for fuzzing where no fuzzer is installed."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def corpus(name: str) -> list[bytes]:
    """The inputs in ``corpus/name/``, in the order of their names."""
    return [
        path.read_bytes() for path in sorted((Path(__file__).parent / "corpus" / name).iterdir())
    ]


def mutated(inputs: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yield inputs without end, each made from one or two of the given by a few random changes."""
    rng = random.Random(seed)
    while True:
        data = bytearray(rng.choice(inputs))
        for _ in range(rng.randint(1, 6)):
            at = rng.randint(0, len(data))
            change = rng.randrange(6)
            if change == 0:
                del data[at : at + rng.randint(1, 16)]
            elif change == 1:
                data[at:at] = rng.randbytes(rng.randint(1, 16))
            elif change == 2:
                del data[at:]
            elif change == 3:
                data[at:at] = rng.choice(inputs)[rng.randrange(64) :]
            elif change == 4:
                number, size = rng.choice(NUMBERS), rng.choice((1, 2, 4))
                data[at : at + size] = (number & (256**size - 1)).to_bytes(size, "big")
            elif data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
        yield bytes(data)
