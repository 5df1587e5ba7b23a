"""Sessions of the version before are listed, so that "end all other sessions" ends them too.

Their device and address are unknown until their next request.
"""

from importlib import import_module

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.db import migrations
from django.utils import timezone

BATCH = 1000
UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - no address to listen at


def list_sessions(apps, schema_editor):
    user_model, listed_model = apps.get_model("accounts", "User"), apps.get_model("usersessions", "UserSession")
    stored = apps.get_model("sessions", "Session").objects.filter(expire_date__gt=timezone.now())
    unlisted = stored.exclude(session_key__in=listed_model.objects.values("session_key"))
    decode = import_module(settings.SESSION_ENGINE).SessionStore().decode
    owners = {
        key: str(decode(data).get(SESSION_KEY, ""))
        for key, data in unlisted.values_list("session_key", "session_data").iterator()
    }
    users = {str(pk): pk for pk in user_model.objects.values_list("pk", flat=True).iterator()}
    rows = [
        listed_model(session_key=key, user_id=users[owner], ip=UNKNOWN_ADDRESS, user_agent="")
        for key, owner in owners.items()
        if owner in users
    ]
    listed_model.objects.bulk_create(rows, batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_callers_of_idempotent_requests"),
        ("sessions", "0001_initial"),
        ("usersessions", "0001_initial"),
    ]
    operations = [migrations.RunPython(list_sessions, migrations.RunPython.noop)]
