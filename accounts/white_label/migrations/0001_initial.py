"""The tables of white labels: their files, and what was found at their hosts."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0010_invitation_links_and_sign_up")]

    operations = [
        migrations.CreateModel(
            name="BrandFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("logo", "Logo"), ("icon", "Icon")], max_length=10)),
                ("version", models.CharField(max_length=16)),
                ("body", models.BinaryField()),
                ("changed", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="brand_files", to="accounts.account"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["logo", "icon"])), name="brand_file_kind_is_known"
                    ),
                    models.UniqueConstraint(fields=("account", "kind"), name="one_brand_file_per_kind"),
                ]
            },
        ),
        migrations.CreateModel(
            name="HostFinding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("host", models.CharField(max_length=253)),
                (
                    "subject",
                    models.CharField(
                        choices=[
                            ("route", "Where it leads"),
                            ("served", "Certificate"),
                            ("spf", "SPF"),
                            ("dkim", "DKIM"),
                            ("dmarc", "DMARC"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("good", "As it should be"),
                            ("missing", "Missing"),
                            ("different", "Something else"),
                            ("unknown", "No answer"),
                        ],
                        max_length=10,
                    ),
                ),
                ("found", models.CharField(blank=True, max_length=300)),
                ("checked", models.DateTimeField()),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="host_findings",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("subject__in", ["route", "served", "spf", "dkim", "dmarc"])),
                        name="finding_subject_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["good", "missing", "different", "unknown"])),
                        name="finding_state_is_known",
                    ),
                    models.UniqueConstraint(
                        fields=("account", "host", "subject"), name="one_finding_per_host_and_subject"
                    ),
                ]
            },
        ),
    ]
