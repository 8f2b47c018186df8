"""The test split has one door, and a search cannot reach it."""

import ast
from pathlib import Path

from scaling_search import search


def _names(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return names | {alias.name for node in imports for alias in node.names}


def test_only_the_training_of_a_family_opens_the_test_split() -> None:
    room = Path(search.__file__).parent
    files = {file.relative_to(room).as_posix(): file for file in room.rglob("*.py")}
    assert {"grid/search.py", "trial/trainer.py", "family/training.py"} <= files.keys()
    opened = sorted(name for name, file in files.items() if "load_test" in _names(file))
    assert opened == ["family/training.py", "members/images.py"], "and who asks for it by name, in predict"
