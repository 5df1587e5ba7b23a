"""The tables of sites, their API keys and change numbers."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import accounts.security.encrypted_fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Change",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("id", 1)), name="change_is_a_single_row")],
            },
        ),
        migrations.CreateModel(
            name="Site",
            fields=[
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                ("id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("domain", models.CharField(help_text="The site's main host name", max_length=253)),
                ("nickname", models.CharField(blank=True, max_length=120)),
                ("timezone", models.CharField(default="UTC", max_length=64)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("deleted", models.DateTimeField(blank=True, null=True)),
                ("key_generation", models.PositiveIntegerField(default=1)),
                ("allowed_hosts", models.JSONField(blank=True, default=list)),
                ("any_host", models.BooleanField(default=False, help_text="Accept hits from every host name")),
                (
                    "addresses",
                    models.CharField(
                        choices=[
                            ("keep", "Keep the whole address"),
                            ("truncate", "Cut it (IPv4 to /24, IPv6 to /48)"),
                            ("drop", "Keep nothing"),
                        ],
                        default="truncate",
                        max_length=10,
                    ),
                ),
                (
                    "cookies",
                    models.CharField(
                        choices=[("on", "Set a visitor cookie"), ("consent", "Only after consent"), ("off", "Never")],
                        default="off",
                        max_length=10,
                    ),
                ),
                ("respect_dnt", models.BooleanField(default=True, help_text="Honour DNT: 1 and Sec-GPC: 1")),
                ("retention_months", models.PositiveIntegerField(default=0, help_text="0 = keep for ever")),
                ("excluded_ips", models.JSONField(blank=True, default=list, help_text="Addresses and CIDR networks")),
                ("excluded_pages", models.JSONField(blank=True, default=list, help_text="Paths, `*` as wildcard")),
                (
                    "excluded_countries",
                    models.JSONField(blank=True, default=list, help_text="ISO codes; A1 = data-centre network"),
                ),
                ("proxy_addresses", models.JSONField(blank=True, default=list)),
                ("proxy_secret", accounts.security.encrypted_fields.EncryptedCharField(blank=True, max_length=40)),
                ("tracker", models.JSONField(blank=True, default=dict)),
                ("people", models.JSONField(blank=True, default=list, editable=False)),
                ("robots", models.JSONField(blank=True, default=list, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="sites", to="accounts.account"
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [
                    models.Index(
                        condition=models.Q(("deleted", None)),
                        fields=["account", "domain"],
                        name="site_by_account_domain",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("addresses__in", ["keep", "truncate", "drop"])),
                        name="site_addresses_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("cookies__in", ["on", "consent", "off"])), name="site_cookies_is_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("retention_months__lte", 1200)), name="site_retention_has_a_limit"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ApiKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                ("name", models.CharField(max_length=120)),
                ("prefix", models.CharField(help_text="The first characters, to recognise it", max_length=12)),
                ("hash", models.CharField(max_length=64, unique=True)),
                ("can_read", models.BooleanField(default=True)),
                ("can_track", models.BooleanField(default=True)),
                (
                    "trusted",
                    models.BooleanField(
                        default=False, help_text="May state another IP, user agent and time; no rate limit"
                    ),
                ),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("expires", models.DateTimeField(blank=True, null=True)),
                ("revoked", models.DateTimeField(blank=True, null=True)),
                ("last_used", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="api_keys", to="sites.site"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
