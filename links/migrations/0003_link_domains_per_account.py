"""Two accounts may have the same link domain; who has proved the host is served. Domains and sites that are there
already are pending claims."""

from collections.abc import Iterator
from typing import Any

from django.db import migrations, models
from django.utils import timezone


def claim_hosts_in_use(apps: Any, schema_editor: Any) -> None:
    """Make a pending claim of every account's link domains and of its sites' domains."""
    alias = schema_editor.connection.alias
    claim = apps.get_model("accounts", "HostClaim")

    def claims() -> Iterator[Any]:
        domains = apps.get_model("links", "Domain").objects.using(alias).filter(deleted=None, account__isnull=False)
        for account_id, host in domains.values_list("account_id", "name"):
            yield claim(account_id=account_id, host=host, purpose="links", next_check=timezone.now())
        sites = apps.get_model("sites", "Site").objects.using(alias).filter(deleted=None, domain__contains=".")
        for account_id, host in sites.values_list("account_id", "domain"):
            yield claim(account_id=account_id, host=host, purpose="site", next_check=timezone.now())

    claim.objects.using(alias).bulk_create(claims(), batch_size=1000, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("sites", "0001_initial"),
        ("links", "0002_watched_destinations"),
    ]

    operations = [
        migrations.AlterField(model_name="domain", name="name", field=models.CharField(max_length=253)),
        migrations.AddIndex(
            model_name="domain", index=models.Index(fields=["name"], name="links_domai_name_d0fc8c_idx")
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.UniqueConstraint(fields=("account", "name"), name="one_link_domain_per_account"),
        ),
        migrations.AddConstraint(
            model_name="domain",
            constraint=models.UniqueConstraint(
                condition=models.Q(("account", None)), fields=("name",), name="one_own_link_domain"
            ),
        ),
        migrations.RunPython(claim_hosts_in_use, migrations.RunPython.noop),
    ]
