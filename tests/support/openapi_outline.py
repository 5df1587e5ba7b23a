"""The outline of an OpenAPI document: what each operation takes and answers, without words, formats and components.

Two documents of one API have the same outline however they are split into components.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


class Outline:
    """What a document says of its operations, as lines by their place: `GET /tags query limit` -> `integer`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document

    def lines(self) -> dict[str, str]:
        return {
            f"{method.upper()} {path} {place}": said
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
            for place, said in self.describe_operation(operation)
        }

    def describe_operation(self, operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        yield "operationId", operation.get("operationId", "")
        for row in map(self.resolve, operation.get("parameters", [])):
            yield f"{row['in']} {row['name']}", f"{describe(row['schema'])}{' required' * bool(row.get('required'))}"
        if body := operation.get("requestBody"):
            yield from self.describe_content("body", self.resolve(body)["content"])
        yield from self.describe_content("answer", operation["responses"]["200"]["content"])

    def describe_content(self, place: str, content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        schema = content.get("application/json", next(iter(content.values())))["schema"]
        yield from ((f"{place} {name}", said) for name, said in self.list_members(schema))

    def resolve(self, part: Any) -> Any:
        while "$ref" in part:
            found: Any = self.document
            for word in part["$ref"].split("/")[1:]:
                found = found[word]
            part = found
        return part

    def list_members(self, schema: Any, before: str = "", outer: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
        """(name, type) of every member, nested ones included; one that consists of itself once."""
        reference = str(schema.get("$ref", ""))
        if reference and reference in outer:
            return
        inner, whole = (*outer, reference), self.resolve(schema)
        if whole.get("type") == "array":
            yield from self.list_members(whole["items"], f"{before}[]", inner)
        elif whole.get("properties"):
            for name, member in whole["properties"].items():
                yield from self.list_members(member, f"{before}.{name}" if before else name, inner)
        else:
            yield before, describe(whole)


def describe(schema: Mapping[str, Any]) -> str:
    """The type of a value and the words that it may be, also if it may be their numbers."""
    words = sorted(word for word in schema.get("enum", ()) if isinstance(word, str) and word.strip("01"))
    return " ".join(["string" if words else str(schema.get("type", "")), *words]).strip()
