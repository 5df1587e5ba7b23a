"""The data of these tests: created once; what a test changes in the database is rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from sites import site_cache
from tests.permissions import tenants
from tests.permissions.callers import open_client, snapshot_database
from tests.support import empty_store, insert_recorded
from tests.support.links import refresh_caches, reset_state


@pytest.fixture(scope="package")
def world(migrated_store: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[tenants.World]:
    """All people and objects, for all tests of this folder."""
    empty_store()
    reset_state()
    with django_db_blocker.unblock(), transaction.atomic():
        made = tenants.build_world()
        insert_recorded()
        refresh_caches()
        yield made
        transaction.set_rollback(True)
    site_cache.forget()
    reset_state()
    empty_store()


@pytest.fixture(autouse=True)
def in_a_savepoint(world: tenants.World, db: None) -> Iterator[None]:
    """Roll back what a test changes in the database; reload the cached sites before it."""
    site_cache.refresh()
    yield


@pytest.fixture(scope="package")
def clients(world: tenants.World) -> dict[str, Client]:
    """A logged-in client for each person."""
    return {name: open_client(world, name) for name in [*world.people, "nobody"]}


@pytest.fixture(scope="package")
def before(clients: dict[str, Client]) -> dict[str, list[Any]]:
    """A snapshot of the database before any request."""
    return snapshot_database()
