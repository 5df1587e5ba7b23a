"""How classes are declared, so that a reader of a call sees which value is which."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import takewhile

from tests.test_architecture import ROOT, list_sources


def find_crowded_dataclasses(name: str) -> Iterator[str]:
    """Dataclasses of which more than four values can be given by position: which is which is seen only here."""
    for node in ast.walk(ast.parse((ROOT / name).read_text())):
        if not isinstance(node, ast.ClassDef) or "kw_only=True" in "".join(map(ast.unparse, node.decorator_list)):
            continue
        if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            continue
        fields = [ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)]
        positional = list(takewhile(lambda annotation: annotation != "KW_ONLY", fields))
        if sum(not annotation.startswith("ClassVar") for annotation in positional) > 4:
            yield f"{name}:{node.lineno} {node.name}"


def test_a_dataclass_takes_at_most_four_values_by_position() -> None:
    assert [found for name in list_sources() for found in find_crowded_dataclasses(name)] == []
