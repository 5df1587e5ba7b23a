"""Claims on host names. A white label that was set before is a pending claim: its account proves the host."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.utils import timezone


def claim_hosts_of_brands(apps: Any, schema_editor: Any) -> None:
    """Make a pending claim of every white label's host."""
    alias = schema_editor.connection.alias
    claim = apps.get_model("accounts", "HostClaim")
    claim.objects.using(alias).bulk_create(
        claim(account=account, host=account.brand["host"], purpose="brand", next_check=timezone.now())
        for account in apps.get_model("accounts", "Account").objects.using(alias).exclude(brand={})
        if account.brand.get("host")
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_account_usage")]

    operations = [
        migrations.RemoveConstraint(model_name="account", name="one_account_per_brand_host"),
        migrations.RemoveField(model_name="account", name="brand_host"),
        migrations.CreateModel(
            name="HostClaim",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=253)),
                (
                    "purpose",
                    models.CharField(
                        choices=[("links", "Link domain"), ("brand", "White label"), ("site", "Website")], max_length=5
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("proved", models.DateTimeField(blank=True, null=True)),
                (
                    "proof",
                    models.CharField(
                        blank=True, choices=[("dns", "DNS record"), ("operator", "Operator")], max_length=8
                    ),
                ),
                ("checked", models.DateTimeField(blank=True, null=True)),
                ("check_result", models.CharField(blank=True, max_length=300)),
                ("next_check", models.DateTimeField(blank=True, db_index=True, null=True)),
                ("failing_since", models.DateTimeField(blank=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="host_claims", to="accounts.account"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["host", "purpose"], name="accounts_ho_host_23d507_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "host", "purpose"), name="one_claim_per_account_and_purpose"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("purpose__in", ("links", "brand"))),
                        fields=("account", "host"),
                        name="links_or_brand_on_one_host",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("proved__isnull", False)),
                        fields=("host", "purpose"),
                        name="one_proved_claim_per_purpose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("proof", ""), ("proved__isnull", True)),
                            models.Q(("proof__in", ["dns", "operator"]), ("proved__isnull", False)),
                            _connector="OR",
                        ),
                        name="a_proved_claim_says_how",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HostOwner",
            fields=[
                ("host", models.CharField(max_length=253, primary_key=True, serialize=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="accounts.account"
                    ),
                ),
            ],
        ),
        migrations.RunPython(claim_hosts_of_brands, migrations.RunPython.noop),
    ]
