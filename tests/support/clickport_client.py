"""A client of the Clickport API."""

from __future__ import annotations

from typing import Any

from django.test import Client


class Api:
    """A client with a key. `post` and `get` give the decoded body and check the status."""

    def __init__(self, key: str = "") -> None:
        self.client = Client()
        self.headers = {"x-api-key": key} if key else {}

    def post(self, body: Any = None, status: int = 200, path: str = "/api/query") -> Any:
        answer = self.client.post(path, body or {}, content_type="application/json", headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()

    def get(self, path: str, status: int = 200, **given: Any) -> Any:
        answer = self.client.get(path, given, headers=self.headers)
        assert answer.status_code == status, answer.content
        return answer.json()
