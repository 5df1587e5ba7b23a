"""Run a periodic task's job on every row, so that one that fails does not stop the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from django.db import InterfaceError, OperationalError

log = logging.getLogger(__name__)
T = TypeVar("T")
R = TypeVar("R")


def run_each(
    items: Iterable[T], job: Callable[[T], R], *, what: str, stop_for: tuple[type[Exception], ...] = ()
) -> list[R]:
    """Run `job` on every item, such as a tenant's row; returns the results of those that succeeded.

    An item that fails is logged (as `what` with its id) and does not stop the others. Errors that would repeat for all
    of them are raised: those of the database connection, and those in `stop_for`.
    """
    results: list[R] = []
    for item in items:
        try:
            results.append(job(item))
        except Exception as error:
            if isinstance(error, (OperationalError, InterfaceError, *stop_for)):
                raise
            log.exception("%s %s failed; the others continue", what, get_id(item))
    return results


def get_id(item: object) -> object:
    """Return the id of a row, or the item if it is an id. Logs must not contain what tenants wrote."""
    return getattr(item, "pk", item if isinstance(item, int) else "")
