"""Former members are remembered by addresses in one spelling.

Of two rows of one person the removal by somebody else stays, which lets nobody back.
"""

import idna
from django.db import migrations


def normalize_address(email):
    """Return the address with its domain in ASCII; one whose domain has no such name as it is."""
    local, at, domain = email.lower().rpartition("@")
    try:
        return f"{local}{at}{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"
    except (idna.IDNAError, UnicodeError):
        return email


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
    dependencies = [("sso", "0002_former_members"), ("accounts", "0012_one_spelling_of_addresses")]

    operations = [migrations.RunPython(respell_former_members, migrations.RunPython.noop)]
