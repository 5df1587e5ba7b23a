"""Addresses are normalized by their field; the columns stay as they are."""

from django.db import migrations

import accounts.models.addresses


class Migration(migrations.Migration):
    dependencies = [("accounts", "0011_one_spelling_of_addresses")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "user", "email", accounts.models.addresses.AddressField(max_length=254, unique=True)
                ),
                migrations.AlterField(
                    "invitation", "email", accounts.models.addresses.AddressField(blank=True, max_length=254)
                ),
            ]
        )
    ]
