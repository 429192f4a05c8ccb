"""The structure of the package, read off its sources: rooms, imports, private names, parameters.

``python tests/tools/house.py [FOLDER]`` prints its figures.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "pymlp"
# Of a room imports may go to itself and to what stands before it; within a group to neither.
ORDER = (
    ("_core", "_blas", "datasets"),
    ("_system",),
    ("schedules",),
    ("_files",),
    ("_data",),
    ("preprocessing",),
    ("_network",),
    ("_fit",),
    ("_resume",),
    ("_estimators",),
    ("callbacks", "dask", "plotting", "onnx"),
    ("__init__",),
    ("_lecture",),
    ("__main__",),
)
FLOOR = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms}


@dataclass
class Module:
    """A file: its path without the suffix, what it imports, and whose private names it uses."""

    name: str
    n_lines: int
    imports: set[str] = field(default_factory=set)
    reaches: list[str] = field(default_factory=list)
    parameters: dict[str, int] = field(default_factory=dict)

    @property
    def room(self) -> str:
        return self.name.split("/")[0]


def modules(package: Path = PACKAGE) -> dict[str, Module]:
    """Read all files of a package, type-only imports included."""
    paths = {str(p.relative_to(package).with_suffix("")): p for p in sorted(package.rglob("*.py"))}
    known = {*paths, *(str(p.relative_to(package).with_suffix("")) for p in package.glob("*.pyi"))}
    return {name: _module(name, path, known) for name, path in paths.items()}


def _module(name: str, path: Path, known: set[str]) -> Module:
    text = path.read_text()
    tree = ast.parse(text)
    module = Module(name, len(text.splitlines()))
    aliases = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            aliases |= {(a.asname or a.name).split(".")[0] for a in node.names}
        if isinstance(node, ast.ImportFrom):
            for target, alias in _targets(name, node, known):
                module.imports.add(target)
                aliases.add(alias)
    module.imports.discard(name)
    own = _defined(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr) and node.attr not in own:
            holder = node.value
            is_self = isinstance(holder, ast.Name) and holder.id in {"self", "cls", *aliases}
            is_super = isinstance(holder, ast.Call) and ast.unparse(holder.func) == "super"
            if not is_self and not is_super:
                module.reaches.append(f"{name}:{node.lineno} {ast.unparse(node)}")
        if isinstance(node, ast.FunctionDef):
            spec = node.args
            given = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
            module.parameters[f"{name}:{node.name}"] = len(
                [a for a in given if a.arg not in ("self", "cls")]
            )
    return module


def _targets(name: str, node: ast.ImportFrom, known: set[str]) -> Iterator[tuple[str, str]]:
    """Modules of the package that an import names, and the names that it binds to modules."""
    parts = name.split("/")[:-1]
    if node.level:
        base = parts[: len(parts) - node.level + 1]
    elif node.module and node.module.split(".")[0] == "pymlp":
        base = []
        node = ast.ImportFrom(node.module.partition(".")[2] or None, node.names, 0)
    else:
        return
    base += node.module.split(".") if node.module else []
    for alias in node.names:
        for target in ([*base, alias.name], base, [*base, "__init__"]):
            if "/".join(target) in known:
                yield (
                    "/".join(target),
                    (alias.asname or alias.name) if len(target) > len(base) else "",
                )
                break


def _is_private(attribute: str) -> bool:
    of_named_tuples = attribute in ("_asdict", "_fields", "_replace")  # which are documented
    return attribute.startswith("_") and not attribute.startswith("__") and not of_named_tuples


def _defined(tree: ast.AST) -> set[str]:
    """Private names of the classes of a file: methods, class attributes, what is set on self."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    names.add(part.name)
                targets = part.targets if isinstance(part, ast.Assign) else []
                targets = [part.target] if isinstance(part, ast.AnnAssign) else targets
                names |= {t.id for t in targets if isinstance(t, ast.Name)}
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
    return names


def arrows(found: dict[str, Module]) -> Counter[tuple[str, str]]:
    """Imports from room to room."""
    return Counter(
        (module.room, target.split("/")[0])
        for module in found.values()
        for target in module.imports
        if module.room != target.split("/")[0]
    )


def upward(found: dict[str, Module]) -> list[str]:
    """Imports from room to room that run up the order, or to the same floor."""
    return [f"{a} -> {b}" for a, b in arrows(found) if FLOOR[a] <= FLOOR[b]]


def circles(found: dict[str, Module]) -> list[set[str]]:
    """Files that import each other, directly or round about (Tarjan's components would do, too)."""
    reached: dict[str, set[str]] = {}
    for name in found:
        seen, waiting = set(), [name]
        while waiting:
            for target in found[waiting.pop()].imports & found.keys():
                if target not in seen:
                    seen.add(target)
                    waiting.append(target)
        reached[name] = seen
    rings = {
        frozenset({name, *(o for o in seen if name in reached[o])})
        for name, seen in reached.items()
        if name in seen
    }
    return [set(ring) for ring in rings]


def main(folder: str = str(PACKAGE)) -> None:
    found = modules(Path(folder))
    longest = max(
        (n, name)
        for module in found.values()
        for name, n in module.parameters.items()
        if not name.endswith("__init__")
    )
    rooms = {module.room for module in found.values()}
    print(f"files {len(found)}, rooms {len(rooms)}, lines {sum(m.n_lines for m in found.values())}")
    print(f"arrows between rooms {len(arrows(found))}, imports {sum(arrows(found).values())}")
    if rooms <= FLOOR.keys():
        print(f"arrows up {len(upward(found))}")
    print(f"circles {sorted(map(len, circles(found)))}")
    reaches = [r for m in found.values() for r in m.reaches]
    print(f"private names of other files' objects, used {len(reaches)} times")
    print(f"longest parameter list {longest[0]} ({longest[1]})")
    print(f"longest file {max((m.n_lines, m.name) for m in found.values())}")


if __name__ == "__main__":
    main(*sys.argv[1:])
