"""Who is timed against whom, and at what."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.jobs import PREDICTED, SMALL, Fit, Job, Network, Predict
from bench.peers import (
    AVX2,
    BFLOAT16,
    ONE_THREAD,
    OURS,
    PEERS,
    PORTABLE,
    REFERENCE,
    TORCH_BFLOAT16,
    Peer,
)

LIBRARIES = [peer for name, peer in PEERS.items() if name != REFERENCE]
SKLEARN, KERAS = PEERS["sklearn"], [PEERS["keras-jax"], PEERS["keras-torch"]]
MANY = 10_000  # rows of a prediction
BATCHES, BATCHES_BFLOAT16 = [50, 200, 1000], [50, 512]
SMALL_BATCH, SMALL_EPOCHS = 32, 100


@dataclass(frozen=True)
class Contest:
    """Jobs and the peers that do them; times are related to those of the first peer."""

    title: str
    peers: tuple[Peer, ...]
    jobs: tuple[Job, ...]

    @property
    def reference(self) -> Peer:
        return self.peers[0]


KINDS = ("fit", "bfloat16", "avx2", "portable", "predict", "row", "small")


def list_contests(
    kinds: Iterable[str],
    networks: Iterable[Network],
    *,
    batches: list[int] | None,
    samples: dict[str, int],
    epochs: int,
    threads: int,
    quick: bool = False,
) -> list[Contest]:
    """Contests of these kinds. samples: of each data set, by its name."""
    one_thread = [ONE_THREAD] if threads > 1 else []
    predicted = [network for network in PREDICTED if not quick or network in networks]
    contests: list[Contest] = []

    def fits(peers: list[Peer], batch: int, title: str = "") -> None:
        jobs = [Fit(network, batch, samples["pixels"], epochs) for network in networks]
        add(f"`fit`{title}, batch {batch}", peers, jobs)

    def add(title: str, peers: list[Peer], jobs: Iterable[Job]) -> None:
        contests.append(Contest(title, tuple(peers), tuple(jobs)))

    for kind in kinds:
        match kind:
            case "fit":
                for batch in batches or BATCHES:
                    fits([OURS, *one_thread, *LIBRARIES], batch)
            case "bfloat16":
                for batch in batches or BATCHES_BFLOAT16:
                    fits([BFLOAT16, OURS, TORCH_BFLOAT16], batch, " in bfloat16")
            case "avx2" | "portable":
                forced = AVX2 if kind == "avx2" else PORTABLE
                fits([forced, SKLEARN], (batches or BATCHES)[0], f" with {kind}")
            case "predict":
                peers = [OURS, BFLOAT16, *LIBRARIES, TORCH_BFLOAT16]
                jobs = [Predict(network, MANY) for network in predicted]
                add(f"`predict_proba` of {MANY:,} rows", peers, jobs)
            case "row":
                jobs = [Predict(network, 1) for network in predicted]
                add("`predict_proba` of one row", [OURS, *LIBRARIES], jobs)
            case "small":
                jobs = [
                    Fit(network, SMALL_BATCH, samples[data], SMALL_EPOCHS, data)
                    for data, small in SMALL.items()
                    for network in small
                ]
                peers = [OURS, *one_thread, SKLEARN, *KERAS]
                title = f"`fit` of small networks, batch {SMALL_BATCH}"
                add(title, peers, jobs[:1] if quick else jobs)
    return contests
