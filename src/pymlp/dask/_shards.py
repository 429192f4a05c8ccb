"""The shards of a fit on a cluster, as the fit asks for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar
from uuid import uuid4

from dask._task_spec import DataNode, Task, TaskRef
from distributed import Client, KilledWorker, futures_of

from .._estimators.described import Facts, summed
from .._estimators.sharded import Sizes
from .._estimators.shards import joined, new_shard, without_class_weight
from .._fit.rounds import Ended, Round, State
from .._fit.sharded import Evaluated
from .._network.parameters import Parameters
from .._system.messages import warn
from . import _rounds as tasks
from ._client import KilledWorkers, WorkersLostError, places, results
from ._collections import NAMES, Parts, check_facts, parts_of, realigned
from ._layers import Layers

VALIDATION = tuple(f"{name}_val" for name in NAMES)
Result = TypeVar("Result")
MAX_WAVES, WAVE_BYTES = 16, 2**25  # in which a shard takes in its parts


class DaskShards:
    """Samples in shards on a cluster, and what they are trained by.

    A context manager, which leaves nothing on the cluster.

    Parameters
    ----------
    client : Client
    estimator : MLPClassifier or MLPRegressor
        Of one machine, not fitted, by whose parameters the samples are checked.
    n_shards : int or None
        None for as many as there are workers.
    retries : int
        How often a task that raises is tried again.
    hashes : bool
        Is the fit to know its samples again?
    """

    def __init__(
        self, client: Client, estimator: Any, n_shards: int | None, *, retries: int, hashes: bool
    ) -> None:
        self._client, self._estimator = client, estimator
        self._retries, self._hashes = retries, hashes
        self._token = uuid4().hex  # of the shards' and rounds' keys
        self._tokens = {self._token}  # and of those that read the samples
        self._n_rounds = 0
        self._workers = list(client.nthreads())
        self._is_chosen = n_shards is not None
        self.n_shards = n_shards or max(1, len(self._workers))
        self._places = places(self.n_shards, self._workers, [])
        self._parts: list[Any] = []  # futures
        self._parts_val: list[Any] = []
        self._shards: list[Any] = []
        self._shards_val: list[Any] = []
        self._collections: dict[str, Any] = {}
        self._facts: list[Facts] = []
        self._sizes: list[int] = []
        self._lost: set[str] = set()
        self._ahead: list[Any] = []  # of what was sent in pieces
        self.facts_val: Facts | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        held = [*self._parts, *self._parts_val, *self._shards, *self._shards_val]
        for future in held:
            future.release()

    # --- what is given ---------------------------------------------------------------------------

    def read(self, *collections: Any) -> None:
        """Look through X, y and weights, once, and leave them checked on the cluster."""
        self._collections |= dict(zip(NAMES, collections, strict=False))
        self._parts, self._facts = self._surely(lambda: self._read(NAMES))
        self.facts = summed(self._facts)
        n_parts = sum(facts.n_rows > 0 for facts in self._facts)
        if n_parts < self.n_shards:
            if self._is_chosen:
                warn(
                    f"X has {n_parts} partitions with rows for n_shards={self.n_shards}: it is "
                    "trained in as many shards. More, smaller partitions make more."
                )
            self.n_shards = n_parts
            self._places = places(n_parts, self._workers, [])

    def read_val(self, *collections: Any) -> None:
        """Look through the validation set."""
        self._collections |= dict(zip(VALIDATION, collections, strict=False))
        self._parts_val, self._facts_val = self._surely(lambda: self._read(VALIDATION))
        self.facts_val = summed(self._facts_val)

    def identity(self) -> dict[str, str]:
        """What a checkpoint knows the samples by."""
        found = {"n_shards_": str(self.n_shards)}
        several = {"X, y, sample_weight": self._facts}
        if self.facts_val is not None:
            several["X_val, y_val, sample_weight_val"] = self._facts_val
        for names, facts in several.items():
            found[names] = "; ".join(f"{f.n_rows} {f.digest}" for f in facts if f.n_rows)
        return found

    def _read(self, names: Sequence[str]) -> tuple[list[Any], list[Facts]]:
        token = uuid4().hex
        self._tokens.add(token)
        collections = [self._collections[name] for name in names]
        parts = parts_of(collections, names).renamed(token)
        if not parts.are_alike:
            parts = self._cut_alike(parts, names, token)
        estimator = f"pymlp-estimator-{token}"
        at = {}
        of_one = parts.of_one_part()
        if self._places:
            at = {key: self._places[part % self.n_shards] for key, part in of_one.items()}
        checks, facts = {}, {}
        for i, keys in enumerate(zip(*parts.keys, strict=True)):
            check, fact = (f"pymlp-check-{token}", i), (f"pymlp-facts-{token}", i)
            rows = map(TaskRef, keys)
            checks[check] = Task(check, tasks.check_part, TaskRef(estimator), self._hashes, *rows)
            facts[fact] = Task(fact, tasks.facts_of, TaskRef(check))
            if self._places:
                at[check] = self._places[i % self.n_shards]
        layers = Layers()
        layers.add({estimator: DataNode(estimator, self._estimator)})
        layers.add(parts.graph, at)
        layers.add(checks, at)
        layers.add(facts)
        futures = self._get(layers, [*checks, *facts])
        found = self._results(futures[len(checks) :], "reading the partitions")
        check_facts(found, names)
        return futures[: len(checks)], found

    def _cut_alike(self, parts: Parts, names: Sequence[str], token: str) -> Parts:
        """Cut y and weights by X's rows, where they have other partitions, if they are as many."""
        layers, counts = Layers(), parts.counts(token)
        layers.add(parts.graph)
        layers.add(counts)
        found = iter(self._results(self._get(layers, list(counts)), "counting rows"))
        lengths = [[next(found) for _ in keys] for keys in parts.keys]
        totals = [sum(each) for each in lengths]
        if len(set(totals)) > 1:
            said = ", ".join(
                f"{name} has {total} in {len(keys)} partitions"
                for name, total, keys in zip(names, totals, parts.keys, strict=False)
            )
            raise ValueError(f"{' and '.join(names[: len(totals)])} differ in rows: {said}.")
        return realigned(parts, lengths, token)

    # --- shards ----------------------------------------------------------------------------------

    def place(
        self, template: Any, dtype: Any, draws: list[dict[str, Any]], fraction: float
    ) -> Sizes:
        """Make the shards: partitions with rows in turn, each shard's rows in their order."""
        self._make = lambda: self._place(template, dtype, draws, fraction)
        return self._surely(self._make, self._read_again)

    def _place(
        self, template: Any, dtype: Any, draws: list[dict[str, Any]], fraction: float
    ) -> Sizes:
        self._token = uuid4().hex
        self._tokens.add(self._token)
        filled = self._filled("rows", template, dtype, (self._parts, self._facts, self.facts))
        if self.facts_val is not None:
            plain = without_class_weight(template)
            read = self._parts_val, self._facts_val, self.facts_val
            self._shards_val = self._filled("rows-val", plain, dtype, read)
        begun, sizes = {}, {}
        for k, (shard, drawn) in enumerate(zip(filled, draws, strict=True)):
            key, size = (f"pymlp-shard-{self._token}", k), (f"pymlp-size-{self._token}", k)
            begun[key] = Task(key, tasks.begin_shard, TaskRef(shard.key), drawn, fraction)
            sizes[size] = Task(size, tasks.sizes_of, TaskRef(key))
        layers = Layers()
        layers.add(begun, dict(zip(begun, self._places, strict=False)))
        layers.add(sizes)
        futures = self._get(layers, [*begun, *sizes])
        self._shards = futures[: self.n_shards]
        found = self._results(futures[self.n_shards :], "making the shards")
        self._sizes = [n for n, _, _ in found]
        self._holds_out = fraction > 0
        return Sizes(*(list(column) for column in zip(*found, strict=True)))

    def _filled(
        self, name: str, template: Any, dtype: Any, read: tuple[list[Any], list[Facts], Facts]
    ) -> list[Any]:
        """Make shards of the parts that have rows; the parts are released as they are taken in.

        That is waited for now and then, or a worker might hold them all twice.
        """
        parts, facts, of_all = read
        with_rows = [k for k, each in enumerate(facts) if each.n_rows]
        n_shards = min(self.n_shards, len(with_rows))
        owned = [with_rows[k::n_shards] for k in range(n_shards)]
        at_once = of_all.is_sparse or max(map(len, owned)) == 1
        n_waves = 1 if at_once else min(MAX_WAVES, 1 + of_all.n_bytes // n_shards // WAVE_BYTES)
        root = f"pymlp-{name}-template-{self._token}"
        layers = Layers()
        layers.add({root: DataNode(root, template)})
        rooted = self._get(layers, [root])
        shards: list[Any] = []
        for wave in range(n_waves):
            graph, empty, sizes = {}, {}, {}
            for k, own in enumerate(owned):
                key = (f"pymlp-{name}-{self._token}", k, wave)
                taken = own[slice(*(w * len(own) // n_waves for w in (wave, wave + 1)))]
                refs = [TaskRef(parts[i].key) for i in taken]
                if at_once:
                    graph[key] = Task(key, tasks.join_shard, joined, TaskRef(root), dtype, *refs)
                else:
                    before = shards[k].key if shards else (f"pymlp-{name}-new-{self._token}", k)
                    if not shards:
                        n_rows = sum(facts[i].n_rows for i in own)
                        args = TaskRef(root), n_rows, dtype, of_all
                        empty[before] = Task(before, new_shard, *args)
                    graph[key] = Task(key, tasks.fill_shard, TaskRef(before), *refs)
                size = (f"pymlp-{name}-size-{self._token}", k, wave)
                sizes[size] = Task(size, tasks.sizes_of, TaskRef(key))
            layers = Layers()
            layers.add(empty, dict(zip(empty, self._places, strict=False)))
            layers.add(graph, dict(zip(graph, self._places, strict=False)))
            layers.add(sizes)
            futures = self._get(layers, [*graph, *sizes])
            for own in owned:
                for i in own[slice(*(w * len(own) // n_waves for w in (wave, wave + 1)))]:
                    parts[i].release()
            shards = futures[:n_shards]
            self._results(futures[n_shards:], "making the shards")
        del rooted
        return shards

    # --- rounds ----------------------------------------------------------------------------------

    def train(self, state: State, what: Round) -> Ended:
        """Train on each shard from a state, and return the mean.

        The state comes from the client, and the mean goes there: what the cluster has to remember
        of a fit does not grow, and of what a lost worker held only its shard is made again.
        """
        if what.number == 0:
            self._renew_places()
        return self._surely(lambda: self._train(state, what), self._make_again)

    def _train(self, state: State, what: Round) -> Ended:
        self._n_rounds += 1
        label = f"{self._token}-{self._n_rounds}"
        layers = Layers()
        root = self._sent(layers, f"pymlp-state-{label}", state)
        graph, at = {}, {}
        for k, shard in enumerate(self._shards):
            key = (f"pymlp-train-{label}", k)
            graph[key] = Task(
                key, tasks.train_shard, TaskRef(shard.key), TaskRef(root), what, self._n_sharing()
            )
            if self._places:
                at[key] = self._places[k]
        layers.add(graph, at)
        mean = f"pymlp-mean-{label}"
        layers.add({mean: Task(mean, tasks.take_mean, *map(TaskRef, graph))})
        (found,) = self._results(self._get(layers, [mean]), f"epoch {what.epoch + 1}")
        ended: Ended = found[0]
        where = found[1]
        if where != self._places:
            self._tell_of_lost()
        return ended

    def evaluate(self, kept: list[Parameters]) -> list[Evaluated]:
        """Measure a network on each shard of the validation set."""
        return self._surely(lambda: self._evaluate(kept), self._make_again)

    def _evaluate(self, kept: list[Parameters]) -> list[Evaluated]:
        shards = self._shards if self._holds_out else self._shards_val
        self._n_rounds += 1
        label = f"{self._token}-{self._n_rounds}"
        layers = Layers()
        root = self._sent(layers, f"pymlp-network-{label}", kept)
        graph = {}
        for k, shard in enumerate(shards):
            key = (f"pymlp-evaluate-{label}", k)
            args = TaskRef(shard.key), TaskRef(root), self._n_sharing()
            graph[key] = Task(key, tasks.evaluate_shard, *args)
        at = dict(zip(graph, self._places, strict=False))
        layers.add(graph, at)
        return self._results(self._get(layers, list(graph)), "the validation")

    def _sent(self, layers: Layers, key: str, value: Any) -> str:
        """Add a value to a graph, or if it is large send it ahead."""
        parts = tasks.pieces(value)
        if len(parts) == 1:
            layers.add({key: DataNode(key, value)})
            return key
        refs = []
        for k, part in enumerate(parts):
            of_part = f"{key}-{k}"
            ahead = Layers()
            ahead.add({of_part: DataNode(of_part, part)})
            self._ahead += self._get(ahead, [of_part])
            refs.append(TaskRef(of_part))
        layers.add({key: Task(key, tasks.from_pieces, *refs)})
        return key

    def _n_sharing(self) -> int:
        """Shards of a worker."""
        return -(-self.n_shards // max(1, len(self._workers)))

    def _renew_places(self) -> None:
        """Share the shards out among the workers that there are now."""
        self._workers = list(self._client.nthreads())
        self._places = places(self.n_shards, self._workers, self._places)

    def _tell_of_lost(self) -> None:
        """Warn of a worker that was lost, once."""
        lost = {*self._places} - {*self._client.nthreads()} - self._lost
        if lost:
            self._lost |= lost
            warn(
                f"Worker {', '.join(sorted(lost))} was lost amid the fit: what it held has been "
                "made again, and the result is the same.",
                RuntimeWarning,
            )
            self._renew_places()

    # --- the cluster -----------------------------------------------------------------------------

    def _surely(
        self, attempt: Callable[[], Result], make_again: Callable[[], object] = lambda: None
    ) -> Result:
        """Do something, and again whenever all workers that it was to be done at are lost."""
        while True:
            try:
                return attempt()
            except WorkersLostError:
                self._tell_of_lost()
                make_again()

    def _read_again(self) -> None:
        self._parts, _ = self._surely(lambda: self._read(NAMES))
        if self.facts_val is not None:
            self._parts_val, _ = self._surely(lambda: self._read(VALIDATION))

    def _make_again(self) -> None:
        self._shards, self._shards_val = [], []
        self._read_again()
        self._surely(self._make, self._read_again)

    def _get(self, layers: Layers, keys: list[Any]) -> list[Any]:
        futures: list[Any] = self._client.get(
            layers.graph(), keys, sync=False, retries=self._retries or None
        )
        return futures

    def _results(self, futures: Sequence[Any], doing: str) -> list[Any]:
        found = results(
            self._client,
            futures,
            (self._places, [*self._tokens]),
            lambda error: self._explained(error, doing),
        )
        self._ahead = []
        return found

    def _explained(self, error: BaseException, doing: str) -> Exception | None:
        if isinstance(error, KilledWorker):
            return self._with_shard(error, doing)
        lost = [
            name
            for name, collection in self._collections.items()
            if any(f.status in ("cancelled", "lost") for f in futures_of(collection))
        ]
        if not lost:
            return None
        return RuntimeError(
            f"{' and '.join(lost)} cannot be read any more, while {doing}: a worker that held data "
            "sent by scatter was lost, and nothing knows how to make it again. Read it on the "
            "cluster (dask.dataframe.read_parquet, dask.array.from_zarr), or scatter it anew."
        )

    def _with_shard(self, error: KilledWorker, doing: str) -> Exception:
        task = error.task
        if isinstance(task, tuple) and str(task[0]).startswith("pymlp-train-"):
            n_rows = self._sizes[int(str(task[1]))]
            n_bytes = self.facts.n_bytes * n_rows // max(1, sum(self._sizes))
            about = (
                f"Training on shard {task[1]} of {self.n_shards}, of {n_rows} rows and {n_bytes} "
                "bytes, has killed its workers: they may have too little memory, of which more "
                "shards take less each."
            )
        else:
            about = (
                f"Workers were killed while {doing}, {len(self._facts)} partitions of {NAMES[0]}: "
                "they may have too little memory, of which more partitions take less each."
            )
        return KilledWorkers(error, about)
