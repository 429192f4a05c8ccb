"""Graphs in layers, some of whose tasks have places."""

from __future__ import annotations

from typing import Any

from dask.highlevelgraph import HighLevelGraph, MaterializedLayer


class Layers:
    """A graph in layers, the tasks of some of which have places."""

    def __init__(self) -> None:
        self._layers: dict[str, MaterializedLayer] = {}

    def add(self, graph: dict[Any, Any], at: dict[Any, str] | None = None) -> None:
        """Add tasks; `at` are the addresses at which they had better run, by key."""
        annotations = None
        if at:
            annotations = {
                "workers": lambda key: [at[key]] if key in at else None,
                "allow_other_workers": True,
            }
            without = {key: task for key, task in graph.items() if key not in at}
            if without:
                self.add(without)
                graph = {key: task for key, task in graph.items() if key in at}
        layer = MaterializedLayer(graph, annotations=annotations)
        self._layers[f"pymlp-{len(self._layers)}"] = layer

    def graph(self) -> HighLevelGraph:
        """Make the graph; each layer may depend on those before it."""
        names = list(self._layers)
        return HighLevelGraph(self._layers, {name: set(names[:k]) for k, name in enumerate(names)})
