"""The database remembers a fingerprint of the SECRET_KEY that it is used with."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_task_leases")]

    operations = [
        migrations.CreateModel(
            name="SecretKeyFingerprint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("salt", models.CharField(max_length=32)),
                ("fingerprint", models.CharField(max_length=64)),
                ("since", models.DateTimeField(auto_now=True)),
            ],
        ),
    ]
