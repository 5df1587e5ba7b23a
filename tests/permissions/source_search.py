"""Finds in the source where fields of requests are read: forms, single names, functions given a whole request."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path
from typing import Any

from django import forms
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("accounts", "sites", "tracking", "goals", "reports", "links", "config")
ELSEWHERE = (
    "links/clickmeter/",
    "config/demo/",
)  # ClickMeter's operations have a matrix of their own; the demo reads files
PLACED = ast.expr | ast.stmt | ast.keyword  # nodes that have a line
REQUEST = {"GET", "POST", "FILES", "query_params", "data"}  # what a request was sent
BAGS = {"given", "fields", "data", "body", "params"}  # what the code calls them once they have left the request
READERS = {"get", "getlist", "every", "pop"}  # bag.get("name")
WHOLE = {"items", "lists", "copy", "dict", "urlencode"}  # request.POST.items()
FUNCTIONS = {
    "get_text", "get_group", "parse_flag", "read_names", "read_text", "read_flag", "read_number", "read_choice",
}  # get_text(bag, "name")  # fmt: skip


def list_models(part: str) -> list[type]:
    """Return the models of one of the product's folders."""
    return [model for model in apps.get_models() if model.__module__.split(".")[0] == part]


@cache
def build_id_pattern() -> re.Pattern[str]:
    """Return a pattern of names of ids: names of models, `…_id`, `…Id`, and other words for objects."""
    models = [model.__name__.lower() for part in PARTS for model in list_models(part)]
    also = ["link", "guest", "visitor", "visit", "session", "uid", "device", "click", "member", "owner", "key"]
    names = "|".join(sorted({*models, *also}))
    return re.compile(rf"(?:.+[_-])?(?:ids?|uids?|guids?|pk|(?:{names})s?)|.+Ids?|(?:{names})\w*id", re.I)


def looks_like_an_id(name: str) -> bool:
    return build_id_pattern().fullmatch(name) is not None


@cache
def list_files() -> list[tuple[str, list[ast.AST]]]:
    """Return every file of the product that may read a request (services do not), with its syntax nodes."""
    found = []
    for path in sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py")):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text()
        if "/migrations/" not in name and not name.startswith(ELSEWHERE) and not re.search(r"services(/|\.py$)", name):
            found.append((name, list(ast.walk(ast.parse(text)))))
    return found


def is_request_data(node: ast.expr) -> bool:
    """Whether the expression is the data of a request, such as `request.POST`."""
    if isinstance(node, ast.Attribute):
        return node.attr in REQUEST and "request" in (getattr(node.value, "id", ""), getattr(node.value, "attr", ""))
    return isinstance(node, ast.Name) and node.id in BAGS


def get_text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def find_field_name(node: ast.AST) -> str:
    """Return the field's name if this node reads one field."""
    if isinstance(node, ast.Subscript) and is_request_data(node.value):
        return get_text(node.slice)
    if isinstance(node, ast.Compare) and len(node.comparators) == 1 and is_request_data(node.comparators[0]):
        return get_text(node.left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        return get_text(node.args[0]) if node.func.attr in READERS and is_request_data(node.func.value) else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in FUNCTIONS and len(node.args) > 1 and is_request_data(node.args[0]):
            return get_text(node.args[1])
        return get_text(node.args[0]) if node.func.id == "get" and node.args else ""  # get = fields.get
    return ""


@cache
def list_field_names() -> dict[str, set[str]]:
    """Return, by file, the names of the fields that it reads one by one."""
    found: dict[str, set[str]] = {}
    for name, nodes in list_files():
        names = {read for node in nodes if (read := find_field_name(node))}
        if names:
            found[name] = names
    return found


@cache
def list_whole_reads() -> set[str]:
    """Return `file:function` wherever all fields of a request are used at once, not by a form."""
    found = set()
    for name, nodes in list_files():
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for line in (node.lineno for node in nodes if isinstance(node, PLACED) and passes_whole_data(node)):
            inside = [one for one in functions if one.lineno <= line <= (one.end_lineno or 0)]
            found.add(f"{name}:{inside[-1].name if inside else ''}")
    return found


def passes_whole_data(node: ast.AST) -> bool:
    """Whether a child of this node uses the data of a request as a whole."""
    if find_field_name(node) or isinstance(node, ast.BoolOp):
        return False
    if isinstance(node, ast.Attribute):
        return node.attr in WHOLE and isinstance(node.value, ast.Attribute) and is_request_data(node.value)
    if isinstance(node, ast.Subscript | ast.Compare):
        return False
    return any(isinstance(child, ast.Attribute) and is_request_data(child) for child in ast.iter_child_nodes(node))


@cache
def list_form_classes() -> list[type[forms.BaseForm]]:
    """Return every form class of the product, except bases without a model of their own."""
    for part in PARTS:
        package = importlib.import_module(part)
        for found in pkgutil.walk_packages(package.__path__, f"{part}."):
            if ".migrations" not in found.name and ".commands." not in found.name:
                importlib.import_module(found.name)
    known: set[type[forms.BaseForm]] = set()
    queue: list[type[forms.BaseForm]] = [forms.BaseForm]
    while queue:
        for made in queue.pop().__subclasses__():
            queue.append(made)
            is_base = issubclass(made, forms.ModelForm) and getattr(getattr(made, "_meta", None), "model", None) is None
            known |= {made} if made.__module__.split(".")[0] in PARTS and not is_base else set()
    return sorted(known, key=lambda made: f"{made.__module__}.{made.__name__}")


def carries_ids(name: str, field: forms.Field) -> bool:
    """Whether a form's field takes rows, ids from a list, or has a name like an id's."""
    if isinstance(field, forms.ModelChoiceField) or looks_like_an_id(name):
        return True
    if not isinstance(field, forms.ChoiceField):
        return False
    choices: Any = field.choices
    values = [str(value) for value, _ in choices if value not in ("", None)]
    return all(value.isdecimal() for value in values)
