"""Results of the benchmark as if they had been measured."""

from bench.ceiling import Ceiling
from bench.contests import Contest
from bench.jobs import Fit, Network
from bench.peers import OURS, PEERS
from bench.timing import Result, Turn

CEILING = Ceiling(flops=200e9, bandwidth=20e9, barrier=1e-6)
FIT = Fit(Network((784, 200, 10)), batch=50, samples=5_400, epochs=7)
CONTEST = Contest("`fit`, batch 50", (OURS, PEERS["torch"]), (FIT,))


def fit_result(ceiling=CEILING, **seconds):
    turns = {peer: tuple(Turn(value, 0.0) for value in seconds[peer]) for peer in seconds}
    return Result(CONTEST, FIT, turns, dict.fromkeys(seconds, ceiling) if ceiling else {})
