"""Finds in the source where fields of requests are read: forms, single names, functions given a whole request."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from functools import cache
from pathlib import Path

from django import forms
from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("accounts", "sites", "tracking", "goals", "reports", "links", "config")
ELSEWHERE = (
    "links/clickmeter/",
    "config/demo/",
)  # ClickMeter's operations have a matrix of their own; the demo reads files
REQUEST = {"GET", "POST", "FILES", "query_params", "data"}  # what a request was sent
BAGS = {"given", "fields", "data", "body", "params"}  # what the code calls them once they have left the request
READERS = {"get", "getlist", "every", "pop"}  # bag.get("name")
WHOLE = {"items", "lists", "copy", "dict", "urlencode"}  # request.POST.items()
FUNCTIONS = {
    "get_text", "get_group", "parse_flag", "read_names", "read_text", "read_flag", "read_number", "read_choice",
}  # get_text(bag, "name")  # fmt: skip


def models_of(part: str) -> list[type]:
    """The models of one of the product's folders."""
    return [model for model in apps.get_models() if model.__module__.split(".")[0] == part]


@cache
def id_names() -> re.Pattern[str]:
    """Names that stand for a thing: those of models, `…_id`, `…Id`, and words for things that are no models."""
    models = [model.__name__.lower() for part in PARTS for model in models_of(part)]
    also = ["link", "guest", "visitor", "visit", "session", "uid", "device", "click", "member", "owner", "key"]
    names = "|".join(sorted({*models, *also}))
    return re.compile(rf"(?:.+[_-])?(?:ids?|uids?|guids?|pk|(?:{names})s?)|.+Ids?|(?:{names})\w*id", re.I)


def looks_like_an_id(name: str) -> bool:
    return id_names().fullmatch(name) is not None


@cache
def files() -> list[tuple[str, list[ast.AST]]]:
    """Every file of the product that may read a request (services do not), with the nodes of its syntax tree."""
    found = []
    for path in sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py")):
        name, text = path.relative_to(ROOT).as_posix(), path.read_text()
        if "/migrations/" not in name and not name.startswith(ELSEWHERE) and not re.search(r"services(/|\.py$)", name):
            found.append((name, list(ast.walk(ast.parse(text)))))
    return found


def is_bag(node: ast.expr) -> bool:
    """Whether the expression is what a request was sent."""
    if isinstance(node, ast.Attribute):
        return node.attr in REQUEST and "request" in (getattr(node.value, "id", ""), getattr(node.value, "attr", ""))
    return isinstance(node, ast.Name) and node.id in BAGS


def text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def name_read(node: ast.AST) -> str:
    """The field's name if this node reads one field."""
    if isinstance(node, ast.Subscript) and is_bag(node.value):
        return text(node.slice)
    if isinstance(node, ast.Compare) and len(node.comparators) == 1 and is_bag(node.comparators[0]):
        return text(node.left)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        return text(node.args[0]) if node.func.attr in READERS and is_bag(node.func.value) else ""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id in FUNCTIONS and len(node.args) > 1 and is_bag(node.args[0]):
            return text(node.args[1])
        return text(node.args[0]) if node.func.id == "get" and node.args else ""  # get = fields.get
    return ""


@cache
def names_read() -> dict[str, set[str]]:
    """file -> the names of fields that it reads one by one."""
    found: dict[str, set[str]] = {}
    for name, nodes in files():
        names = {read for node in nodes if (read := name_read(node))}
        if names:
            found[name] = names
    return found


@cache
def whole_reads() -> set[str]:
    """`file:function` where all of a request's fields are taken at once, by no form (`request.POST or None`)."""
    found = set()
    for name, nodes in files():
        functions = [node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        for leaving in filter(leaves, nodes):
            inside = [one for one in functions if one.lineno <= leaving.lineno <= (one.end_lineno or 0)]
            found.add(f"{name}:{inside[-1].name if inside else ''}")
    return found


def leaves(node: ast.AST) -> bool:
    """Whether a child of this node is everything a request was sent, used as a whole."""
    if name_read(node) or isinstance(node, ast.BoolOp):
        return False
    if isinstance(node, ast.Attribute):
        return node.attr in WHOLE and isinstance(node.value, ast.Attribute) and is_bag(node.value)
    if isinstance(node, ast.Subscript | ast.Compare):
        return False
    return any(isinstance(child, ast.Attribute) and is_bag(child) for child in ast.iter_child_nodes(node))


@cache
def form_classes() -> list[type[forms.BaseForm]]:
    """Every form of the product."""
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
            known |= {made} if made.__module__.split(".")[0] in PARTS else set()
    return sorted(known, key=lambda made: f"{made.__module__}.{made.__name__}")


def carries_ids(name: str, field: forms.Field) -> bool:
    """Whether a form's field takes rows, numbers out of a list, or has a name like a thing's."""
    if isinstance(field, forms.ModelChoiceField) or looks_like_an_id(name):
        return True
    if not isinstance(field, forms.ChoiceField):
        return False
    values = [str(value) for value, _ in field.choices if value not in ("", None)]
    return all(value.isdecimal() for value in values)
