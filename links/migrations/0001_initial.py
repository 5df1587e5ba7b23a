import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import links.models.fields


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Domain",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="link_domains",
                        to="accounts.account",
                    ),
                ),
                ("name", models.CharField(max_length=253)),
                (
                    "kind",
                    models.IntegerField(
                        choices=[(0, "System"), (1, "Go"), (2, "Dedicated"), (3, "Personal")], default=3
                    ),
                ),
                ("custom_404", models.CharField(blank=True, max_length=4000)),
                ("custom_homepage", models.CharField(blank=True, max_length=4000)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("deleted", models.DateTimeField(blank=True, null=True)),
                ("checked", models.DateTimeField(blank=True, null=True)),
                ("check_result", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "indexes": [models.Index(fields=["name"], name="link_domain_by_name")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("account", None), ("kind__in", (0, 1))),
                            models.Q(("account__isnull", False), ("kind__in", (2, 3))),
                            _connector="OR",
                        ),
                        name="link_domain_kind_says_who_owns_it",
                    ),
                    models.UniqueConstraint(fields=("account", "name"), name="one_link_domain_per_account"),
                    models.UniqueConstraint(
                        condition=models.Q(("account", None)), fields=("name",), name="one_own_link_domain"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="link_tags", to="accounts.account"
                    ),
                ),
                ("name", models.CharField(max_length=100)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("account"), django.db.models.functions.text.Lower("name"), name="one_tag_per_account"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Group",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="link_groups", to="accounts.account"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("notes", models.TextField(blank=True)),
                ("favourite", models.BooleanField(default=False)),
                ("redirect_only", models.BooleanField(default=False, help_text="Redirect without tracking")),
                ("is_public", models.BooleanField(default=False)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("deleted", models.DateTimeField(blank=True, null=True)),
                ("tags", models.ManyToManyField(blank=True, related_name="groups", to="links.tag")),
            ],
        ),
        migrations.CreateModel(
            name="Script",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="link_scripts", to="accounts.account"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("script", models.TextField(max_length=20000)),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("script", ""), _negated=True), name="script_is_not_empty"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Conversion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="link_conversions",
                        to="accounts.account",
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True)),
                ("value", models.DecimalField(decimal_places=2, default=0, max_digits=14)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("protocol", models.IntegerField(choices=[(0, "http"), (1, "https")], default=1)),
                ("code", links.models.fields.CodeField(help_text="By which pages report the conversion")),
                ("window_days", models.PositiveIntegerField(default=30)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("deleted", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("protocol__in", [0, 1])), name="conversion_protocol_is_a_choice"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("window_days__range", (1, 90))), name="conversion_window_is_allowed"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Datapoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="datapoints", to="accounts.account"
                    ),
                ),
                (
                    "group",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="datapoints", to="links.group"
                    ),
                ),
                ("kind", models.IntegerField(choices=[(0, "Tracking link"), (1, "Tracking pixel")], default=0)),
                (
                    "status",
                    models.IntegerField(
                        choices=[(0, "Active"), (1, "Paused"), (2, "Blocked"), (3, "Deleted")], default=0
                    ),
                ),
                (
                    "domain",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="datapoints", to="links.domain"
                    ),
                ),
                ("alias", models.CharField(max_length=100)),
                (
                    "alias_key",
                    models.GeneratedField(
                        db_persist=True,
                        expression=django.db.models.functions.text.Lower("alias"),
                        output_field=models.CharField(max_length=100),
                    ),
                ),
                ("title", models.CharField(blank=True, max_length=200)),
                ("notes", models.TextField(blank=True)),
                ("favourite", models.BooleanField(default=False)),
                ("url", models.CharField(blank=True, max_length=4000)),
                ("first_url", models.CharField(blank=True, max_length=4000)),
                (
                    "mode",
                    models.IntegerField(
                        choices=[
                            (0, "One address"),
                            (1, "Random"),
                            (2, "By language"),
                            (3, "Spillover: each visitor walks the list"),
                            (4, "Dynamic address"),
                            (5, "By kind of browser"),
                            (6, "By country"),
                            (7, "First click elsewhere"),
                            (8, "In turn"),
                            (9, "By weight"),
                        ],
                        default=0,
                    ),
                ),
                ("rules", models.JSONField(blank=True, default=dict)),
                (
                    "redirect_type",
                    models.IntegerField(choices=[(301, "301 permanent"), (307, "307 temporary")], default=301),
                ),
                ("append_query", models.BooleanField(default=False)),
                ("encode_url", models.BooleanField(default=False)),
                ("hide_url", models.BooleanField(default=False)),
                ("hide_url_title", models.CharField(blank=True, max_length=200)),
                (
                    "referrer_clean",
                    models.IntegerField(
                        choices=[(0, "Keep it"), (1, "Send none"), (2, "Send the link itself")], default=0
                    ),
                ),
                ("is_ab_test", models.BooleanField(default=False)),
                (
                    "go_domain",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="links.domain",
                    ),
                ),
                ("password", models.CharField(blank=True, help_text="A hash; empty = none", max_length=200)),
                ("starts", models.DateTimeField(blank=True, null=True)),
                ("expiration_date", models.DateTimeField(blank=True, null=True)),
                ("url_after_date", models.CharField(blank=True, max_length=4000)),
                ("pause_after_date", models.BooleanField(default=False)),
                ("expiration_clicks", models.BigIntegerField(default=0)),
                ("url_after_clicks", models.CharField(blank=True, max_length=4000)),
                ("pause_after_clicks", models.BooleanField(default=False)),
                ("parameter_note", models.CharField(blank=True, max_length=500)),
                ("encode_ip", models.BooleanField(default=False, help_text="Keep only a part of visitors' addresses")),
                ("is_public", models.BooleanField(default=False)),
                ("is_secured", models.BooleanField(default=False)),
                ("light_tracking", models.BooleanField(default=False)),
                ("redirect_only", models.BooleanField(default=False, help_text="Redirect without tracking")),
                ("cost", models.DecimalField(decimal_places=4, default=0, help_text="Of one click", max_digits=14)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("tags", models.ManyToManyField(blank=True, related_name="datapoints", to="links.tag")),
                ("scripts", models.ManyToManyField(blank=True, related_name="datapoints", to="links.script")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "status"], name="link_of_account_by_status"),
                    models.Index(
                        models.F("account"),
                        models.OrderBy(models.F("created"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="link_of_account_newest_first",
                    ),
                    models.Index(
                        condition=models.Q(("pause_after_date", True)),
                        fields=["expiration_date"],
                        name="link_to_pause_by_date",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("domain", "alias_key"), name="one_alias_per_domain_for_ever"),
                    models.CheckConstraint(condition=models.Q(("kind__in", [0, 1])), name="link_kind_is_a_choice"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", [0, 1, 2, 3])), name="link_status_is_a_choice"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])), name="link_mode_is_a_choice"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("redirect_type__in", [301, 307])), name="link_redirect_type_is_a_choice"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("referrer_clean__in", [0, 1, 2])), name="link_referrer_clean_is_a_choice"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind", 1), models.Q(("url", ""), _negated=True), _connector="OR"),
                        name="link_has_a_destination",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("expiration_clicks__gte", 0)), name="link_expiration_clicks_not_negative"
                    ),
                    models.CheckConstraint(condition=models.Q(("cost__gte", 0)), name="link_cost_not_negative"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Attached",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "datapoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="attached", to="links.datapoint"
                    ),
                ),
                (
                    "conversion",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="attached", to="links.conversion"
                    ),
                ),
                ("position", models.PositiveSmallIntegerField()),
            ],
            options={
                "ordering": ["position"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("position__range", (1, 5))), name="conversion_place_exists"
                    ),
                    models.UniqueConstraint(fields=("datapoint", "position"), name="one_conversion_per_place"),
                    models.UniqueConstraint(fields=("datapoint", "conversion"), name="a_conversion_once_per_link"),
                ],
            },
        ),
        migrations.AddField(
            model_name="datapoint",
            name="conversions",
            field=models.ManyToManyField(related_name="datapoints", through="links.Attached", to="links.conversion"),
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("change", models.BigIntegerField(db_index=True, default=0, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="link_entries", to="accounts.account"
                    ),
                ),
                (
                    "listing",
                    models.CharField(
                        choices=[
                            ("blacklist", "Addresses that are not tracked"),
                            ("whitelist", "Hosts a dynamic address may lead to"),
                        ],
                        max_length=10,
                    ),
                ),
                ("value", models.CharField(max_length=253)),
                ("code", links.models.fields.CodeField()),
                ("created", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("listing__in", ["blacklist", "whitelist"])),
                        name="entry_listing_is_a_choice",
                    ),
                    models.UniqueConstraint(fields=("account", "listing", "value"), name="one_entry_per_list"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "datapoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="watched_destinations",
                        to="links.datapoint",
                    ),
                ),
                ("digest", models.CharField(help_text="SHA-256 of the address", max_length=64)),
                ("url", models.CharField(max_length=4000)),
                ("next_due", models.DateTimeField(db_index=True)),
                ("checked", models.DateTimeField(blank=True, null=True)),
                ("first_failure", models.DateTimeField(blank=True, null=True)),
                ("dead_since", models.DateTimeField(blank=True, null=True)),
                ("cause", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("datapoint", "digest"), name="a_destination_once_per_link")
                ],
            },
        ),
    ]
