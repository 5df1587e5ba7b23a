"""Authkeys depend on a random seed instead of the id. The seed of a row that exists is its id, so its key stays."""

import uuid

from django.db import migrations, models


def take_ids_as_seeds(apps, schema_editor):
    for name in ("Account", "Membership"):
        model = apps.get_model("accounts", name)
        for pk in model.objects.values_list("pk", flat=True):
            model.objects.filter(pk=pk).update(key_seed=uuid.UUID(int=pk))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField("account", "key_seed", models.UUIDField(default=uuid.uuid4, editable=False)),
        migrations.AddField("membership", "key_seed", models.UUIDField(default=uuid.uuid4, editable=False)),
        migrations.RunPython(take_ids_as_seeds, migrations.RunPython.noop),
    ]
