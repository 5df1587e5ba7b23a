"""A mailed link on the host of an account's white label proves no address: whoever controls the host can read it."""

from django.db import migrations, models


def expose_links(apps, schema_editor):
    """Treat the open links of accounts with a verified white label as known to others: new users enter a code."""
    claims = apps.get_model("accounts", "HostClaim").objects.filter(purpose="brand", verified__isnull=False)
    invitations = apps.get_model("accounts", "Invitation").objects.filter(used=None, revoked=None)
    invitations.filter(account__in=claims.values("account")).update(link_shown=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_invitation_links_and_sign_up")]

    operations = [
        migrations.AlterField(
            "invitation",
            "link_shown",
            models.BooleanField(
                default=False,
                help_text="Somebody else than the invited person saw the link, or can on its host: it proves no address",
            ),
        ),
        migrations.RunPython(expose_links, migrations.RunPython.noop),
    ]
