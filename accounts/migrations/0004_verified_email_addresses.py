"""Users who can log in keep their address as a verified one: they have been getting mails there."""

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.db import migrations, models

BATCH = 1000


def add_addresses(apps, schema_editor):
    user_model, address_model = apps.get_model("accounts", "User"), apps.get_model("account", "EmailAddress")
    invited_only = models.Q(password__startswith=UNUSABLE_PASSWORD_PREFIX, last_login=None)
    users = user_model.objects.filter(emailaddress=None).exclude(invited_only)
    addresses = (
        address_model(user_id=pk, email=email, verified=True, primary=True)
        for pk, email in users.values_list("pk", "email").iterator()
    )
    address_model.objects.bulk_create(addresses, batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_words_of_verification"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [migrations.RunPython(add_addresses, migrations.RunPython.noop)]
