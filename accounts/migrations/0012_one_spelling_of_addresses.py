"""Of each user one address is stored, in one spelling: lower case, the domain in ASCII.

Providers used to name further addresses, which were stored as the user's, and domains were stored as they were typed.
A process of the version before may run meanwhile: a row is changed only as long as it is as it was read, and the new
address of a change under way (the primary one, until the user has it) stays. It still finds everybody by the
session, but at a log-in those with a domain outside of ASCII only by its new spelling. A further address that it stores
meanwhile keeps nobody out: the new version deletes it when its person verifies it. A user whom it creates meanwhile with
a domain outside of ASCII is under the rules of the domain, but logs in only after the functions here were run again.
"""

import idna
from django.db import IntegrityError, migrations, transaction
from django.db.models import Exists, F, OuterRef


def normalize_address(email):
    """Return the address with its domain in ASCII; one whose domain has no such name as it is."""
    local, at, domain = email.lower().rpartition("@")
    try:
        return f"{local}{at}{domain if domain.isascii() else idna.encode(domain, uts46=True).decode()}"
    except (idna.IDNAError, UnicodeError):
        return email


def delete_further_addresses(apps, schema_editor):
    rows = apps.get_model("account", "EmailAddress").objects
    own = rows.filter(user=OuterRef("user"), email=OuterRef("user__email"))
    further = rows.filter(Exists(own), primary=False).exclude(email=F("user__email"))
    rows.filter(pk__in=list(further.values_list("pk", flat=True)), primary=False).delete()


def respell(model, owner=""):
    """Normalize a model's addresses; one that another row has already stays as it is. `owner` is the lookup of the user's
    own address, if only that is to be changed."""
    rows = model.objects.exclude(email="").values_list("pk", "email").iterator()
    found = [(pk, email, normalize_address(email)) for pk, email in rows]
    for pk, email, address in [row for row in found if row[1] != row[2]]:
        try:
            with transaction.atomic():
                same = {owner: address} if owner else {}
                model.objects.filter(pk=pk, email=email, **same).update(email=address)
        except IntegrityError:
            continue


def respell_addresses(apps, schema_editor):
    respell(apps.get_model("accounts", "User"))
    respell(apps.get_model("account", "EmailAddress"), owner="user__email")
    respell(apps.get_model("accounts", "Invitation"))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_links_on_white_labels_prove_no_address"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]
    operations = [
        migrations.RunPython(delete_further_addresses, migrations.RunPython.noop),
        migrations.RunPython(respell_addresses, migrations.RunPython.noop),
    ]
