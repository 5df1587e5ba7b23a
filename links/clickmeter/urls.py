"""URLs of the ClickMeter API, built from the table of operations: any case, with or without a slash at the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.urls import URLPattern, re_path

from links.clickmeter.api_view import UnknownAddressView
from links.clickmeter.description import serve_description
from links.clickmeter.operations import OPERATIONS, PARAMETER, Operation

if TYPE_CHECKING:
    from rest_framework.views import AsView, GenericView


def build_pattern(path: str) -> str:
    """Build the regular expression of a path in the table. Paths without parameters match first, since they precede."""
    parts = PARAMETER.split(path.strip("/"))  # words and names of parameters in turn
    parts[::2] = [match_any_case(words) for words in parts[::2]]
    parts[1::2] = [f"(?P<{name}>[^/]+)" for name in parts[1::2]]
    return "^" + "".join(parts) + "/?$"


def match_any_case(words: str) -> str:
    """Match letters of either case by spelling both out: Django cannot reverse a URL with `(?i)`."""
    return "".join(f"[{char.lower()}{char.upper()}]" if char.isalpha() else char for char in words)


def build_routes() -> list[URLPattern]:
    """Build one route per path, those without parameters first."""
    by_path: dict[str, list[Operation]] = {}
    for operation in OPERATIONS:
        by_path.setdefault(operation.path, []).append(operation)
    return [
        re_path(build_pattern(path), build_view(by_path[path]), name=f"clickmeter {path}")
        for path in sorted(by_path, key=lambda path: (path.count("{"), path))
    ]


def build_view(operations: Sequence[Operation]) -> AsView[GenericView]:
    """Build the view of the operations of one path."""
    return operations[0].views.as_view({operation.method.lower(): operation.action for operation in operations})


urlpatterns = [
    re_path(r"^openapi\.json$", serve_description, name="clickmeter description"),
    *build_routes(),
    re_path(r"^", UnknownAddressView.as_view(), name="clickmeter nowhere"),
]
