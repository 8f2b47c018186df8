"""Programs as text: calls laid out as a formatter would, and only the helpers and imports that are used.

A helper is a class or function of a file in `pieces/`, real code that is checked like any other; its text is copied.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import groupby

WIDTH = 88
_INDENT = 4


@dataclass(frozen=True)
class Call:
    """A call, or with no name a tuple. `tall`: one argument a line, however short."""

    name: str
    arguments: tuple[Node, ...]
    tall: bool = False


Node = Call | str


def layout(node: Node, *, indent: int = 0, before: str = "", behind: str = "") -> str:
    """The node on one line where it fits into `WIDTH`, else each argument on lines of its own."""
    if isinstance(node, str):
        return f"{before}{node}{behind}"
    if not _tall(node):
        comma = "," if not node.name and len(node.arguments) == 1 else ""
        inside = ", ".join(layout(argument) for argument in node.arguments)
        line = f"{before}{node.name}({inside}{comma}){behind}"
        if indent + len(line) <= WIDTH:
            return line
        line = " " * (indent + _INDENT) + inside
        if node.name and len(line) <= WIDTH:
            return f"{before}{node.name}(\n{line}\n{' ' * indent}){behind}"
    deeper = indent + _INDENT
    lines = [" " * deeper + layout(argument, indent=deeper, behind=",") for argument in node.arguments]
    return "\n".join([f"{before}{node.name}(", *lines, " " * indent + f"){behind}"])


def _tall(node: Node) -> bool:
    return isinstance(node, Call) and (node.tall or any(map(_tall, node.arguments)))


@dataclass(frozen=True)
class Pieces:
    """The text of the helpers of one file by name, and of its imports."""

    helpers: dict[str, str]
    imports: tuple[str, ...]

    @staticmethod
    def of(name: str) -> Pieces:
        """Those of `pieces/NAME.py`."""
        text = (resources.files("scaling_search.export.pieces") / f"{name}.py").read_text(encoding="utf-8")
        helpers: dict[str, str] = {}
        imports: list[str] = []
        for node in ast.parse(text).body:
            segment = ast.get_source_segment(text, node) or ""
            match node:
                case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                    helpers[name] = segment
                case ast.Assign(targets=[ast.Name(id=name)]):
                    helpers[name] = segment
                case ast.Import() | ast.ImportFrom():
                    imports.append(segment)
        return Pieces(helpers, tuple(imports))


def program(
    docstring: str, body: Sequence[str], pieces: Pieces, *, constants: Sequence[str], last: Sequence[str]
) -> str:
    """A module of these definitions, `last` at its end; in front the imports, constants and helpers that they use."""
    wanted: set[str] = set()
    todo = [*body, *last]
    while todo:
        names = _names(todo.pop())
        new = (names & pieces.helpers.keys()) - wanted
        wanted |= new
        todo += [pieces.helpers[name] for name in new]
    ends = [pieces.helpers[name] for name in pieces.helpers if name in wanted]
    front = [text for text in ends if text not in last]
    here = [text for text in front if _is_constant(text)]
    definitions = [*here, *constants, *(text for text in front if text not in here), *body, *last]
    used = set().union(*map(_names, definitions))
    lines = _imports(pieces.imports, used)
    first, *others = _constants_together(definitions)
    gap = "\n\n" if _is_constant(first) else "\n\n\n"
    return "\n\n\n".join([f'"""{docstring}"""\n\n{lines}{gap}{first}', *others]) + "\n"


def _imports(imports: Sequence[str], used: set[str]) -> str:
    """The imports, names that nobody uses left out; a blank line between those of Python and the others."""
    groups: tuple[list[tuple[bool, str, str]], ...] = ([], [])
    for node in ast.parse("\n".join(imports)).body:
        assert isinstance(node, ast.Import | ast.ImportFrom)  # noqa: S101 # the text of imports
        node.names = [one for one in node.names if (one.asname or one.name).partition(".")[0] in used]
        if node.names:
            module = getattr(node, "module", node.names[0].name)
            entry = isinstance(node, ast.ImportFrom), module, ast.unparse(node)
            groups[module.partition(".")[0] not in sys.stdlib_module_names].append(entry)
    return "\n\n".join("\n".join(text for *_, text in sorted(group)) for group in groups if group)


def _constants_together(definitions: Sequence[str]) -> list[str]:
    """Neighbouring assignments stand together."""
    found: list[str] = []
    for constant, group in groupby(definitions, _is_constant):
        texts = list(group)
        found += ["\n".join(texts)] if constant else texts
    return found


def _is_constant(text: str) -> bool:
    return isinstance(ast.parse(text).body[0], ast.Assign)


def _names(text: str) -> set[str]:
    """Every name that a piece of code reads."""
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)} - set(dir(builtins))
