"""Types in the signatures of tests and their helpers that no library gives a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

    from tracking import store

    class Store:
        """What tests use of the module `tracking.store`, which the fixture `store` gives them."""

        rows = staticmethod(store.rows)
        query = staticmethod(store.query)
        execute = staticmethod(store.execute)
        ping = staticmethod(store.ping)
        insert_rows = staticmethod(store.insert_rows)
        insert_file = staticmethod(store.insert_file)
        erase_events = staticmethod(store.erase_events)
        keep_months = staticmethod(store.keep_months)
        finish_corrections = staticmethod(store.finish_corrections)
        quarantine_events = staticmethod(store.quarantine_events)
        restore_events = staticmethod(store.restore_events)

else:
    from types import ModuleType as Store

    from django.http import HttpResponse as Response

__all__ = ["Response", "Store"]
