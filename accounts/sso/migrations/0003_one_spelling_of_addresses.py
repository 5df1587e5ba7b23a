"""Former members are remembered by addresses in one spelling; the column stays as it is.

Of two rows of one person the removal by somebody else stays, which lets nobody back.
"""

from django.db import migrations

import accounts.models.addresses
from accounts.validators import normalize_address


def respell_former_members(apps, schema_editor):
    rows = apps.get_model("sso", "SsoFormerMember").objects
    for row in list(rows.all()):
        address = normalize_address(row.email)
        if address == row.email:
            continue
        same = rows.filter(connection_id=row.connection_id, email=address)
        if not same.exists():
            rows.filter(pk=row.pk).update(email=address)
            continue
        if row.role == "":
            same.update(role="")
        rows.filter(pk=row.pk).delete()


class Migration(migrations.Migration):
    dependencies = [("sso", "0002_former_members"), ("accounts", "0011_one_spelling_of_addresses")]

    operations = [
        migrations.RunPython(respell_former_members, migrations.RunPython.noop),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "ssoformermember", "email", accounts.models.addresses.AddressField(max_length=254)
                ),
            ]
        ),
    ]
