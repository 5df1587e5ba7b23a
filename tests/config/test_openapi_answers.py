"""schemathesis against the OpenAPI description: no 500, and no response that is not described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sites.models import Site
from tests.support.types import Store

pytestmark = pytest.mark.django_db
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
READS = r"^/api/(query|realtime|goals|ledger|tech|pages|sources|referrers|countries|campaigns|utm-.*|e.*-pages)$"
described = schemathesis.openapi.from_wsgi("/api/schema/?format=json", get_wsgi_application())


@pytest.fixture(autouse=True)
def unlimited(site: Site, store: Store) -> Iterator[None]:
    """No limit per minute; and, as with Django's own test client, a request does not close the test's database."""
    site.account.limits = {"clickport_per_minute": 0}
    site.account.save()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@described.include(path_regex=READS).parametrize()
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
def test_the_query_api_conforms_to_its_openapi_description(case: Any, api_key: str) -> None:
    case.call_and_validate(headers={"x-api-key": api_key, "accept-encoding": "identity"}, checks=CHECKS)
