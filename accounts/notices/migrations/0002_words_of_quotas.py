"""Notices of quotas say what is used, since plans have more than events."""

from django.db import migrations

WORDS = {
    "quota_near": {"what": "events of this month", "consequence": ""},
    "quota_used": {
        "what": "events of this month",
        "consequence": "Further hits are rejected until the month ends.",
    },
}


def add_words(apps, schema_editor):
    """Add to stored notices what their sentences said."""
    for notice in apps.get_model("notices", "Notice").objects.filter(kind__in=WORDS).iterator():
        notice.values = {**WORDS[notice.kind], **notice.values}
        notice.save(update_fields=["values"])


class Migration(migrations.Migration):
    dependencies = [("notices", "0001_initial")]

    operations = [migrations.RunPython(add_words, migrations.RunPython.noop)]
