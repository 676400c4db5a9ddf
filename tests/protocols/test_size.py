"""How long the vendors' files are: a protocol stays something that a person reads in one sitting."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.conformance.vendors import TEMPLATES
from waygps.ingest.vendors import find_vendors

LONGEST = 400
"""Lines of a file, everything counted."""
TEXT, BINARY = 60, 150
"""Lines of code that the templates have at most; the goal of the vendors, which nothing here enforces."""
LONGER: dict[str, str] = {}
"""Files that are longer, with the reason. One that is not any more leaves this list."""
_NOTHING = "NL NEWLINE COMMENT INDENT DEDENT ENCODING ENDMARKER"
SILENT = {getattr(tokenize, name) for name in _NOTHING.split()}


def code_lines(path: Path) -> int:
    """Lines without blank ones, comments, docstrings, imports, samples, the Vendor's record, the encoder and its helpers."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    apart = [node for node in tree.body if _is_apart(node, tree)] + [node for node in ast.walk(tree) if _is_text(node)]
    lines = {token.start[0] for token in tokenize.generate_tokens(io.StringIO(text).readline) if token.type not in SILENT}
    return len(lines - {line for node in apart for line in range(_begin(node), _end(node) + 1)})


def _begin(node: ast.AST) -> int:
    return min(int(getattr(one, "lineno")) for one in [node, *getattr(node, "decorator_list", [])])  # noqa: B009 - as below


def _end(node: ast.AST) -> int:
    return int(getattr(node, "end_lineno"))  # noqa: B009 - statements have it, an AST need not


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_apart(node: ast.stmt, tree: ast.Module) -> bool:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return True
    if isinstance(node, ast.ClassDef):
        return node.name == "Encoder"
    if isinstance(node, ast.FunctionDef):
        has_encoder = any(getattr(one, "name", "") == "Encoder" for one in tree.body)
        return has_encoder and not _is_used(node.name, tree)
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        is_vendor = isinstance(node.value, ast.Call) and getattr(node.value.func, "id", "") == "Vendor"
        return is_vendor or node.targets[0].id == "SAMPLES"
    return False


def _is_used(name: str, tree: ast.Module) -> bool:
    """Whether anything but the encoder, and what only it uses, needs this function."""
    users = [node for node in tree.body if getattr(node, "name", "") not in ("Encoder", name)]
    users = [node for node in users if any(getattr(one, "id", "") == name for one in ast.walk(node))]
    return any(not isinstance(node, ast.FunctionDef) or _is_used(node.name, tree) for node in users)


class SizeTests(SynchronousTestCase):
    def test_longest(self) -> None:
        """No vendor's file is longer than 400 lines, nor the second one that some have, those apart that say why."""
        paths = {Path(found.path) for found in find_vendors().values()}
        paths |= {path for directory in {path.parent for path in paths} for path in directory.glob("*.py")}
        longer = set()
        for path in sorted(paths):
            total = len(path.read_text(encoding="utf-8").splitlines())
            print(f"{path.stem}: {total} lines, {code_lines(path)} of code")
            if total > LONGEST:
                longer.add(path.stem)
        assert longer == set(LONGER)

    def test_templates(self) -> None:
        """A text vendor takes 60 lines of code and a binary one 150, as the templates show."""
        counts = {kind: code_lines(TEMPLATES / f"{kind}.py") for kind in ("text", "binary")}
        assert counts["text"] <= TEXT, counts
        assert counts["binary"] <= BINARY, counts
