import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("sites", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Funnel",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("steps", models.JSONField(help_text="2 to 8 steps")),
                ("strict", models.BooleanField(default=False, help_text="No other page between two steps")),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="funnels", to="sites.site"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("site", "name"), name="one_funnel_per_name_and_site")],
            },
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                ("filter", models.JSONField(help_text="The filter JSON of the query engine")),
                ("shared", models.BooleanField(default=False)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="segments",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="segments", to="sites.site"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "owner", "name"), name="one_segment_per_name_and_owner")
                ],
            },
        ),
        migrations.CreateModel(
            name="Goal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("page", "Page view"),
                            ("event", "Custom event"),
                            ("outbound", "Outbound click"),
                            ("download", "File download"),
                            ("form", "Form submission"),
                            ("click", "Click on an element"),
                            ("scroll", "Scroll depth"),
                            ("duration", "Duration of the visit"),
                            ("manual", "Sent by a script or a server"),
                        ],
                        default="page",
                        max_length=10,
                    ),
                ),
                ("pattern", models.CharField(blank=True, max_length=500)),
                (
                    "pattern_kind",
                    models.CharField(
                        choices=[
                            ("exact", "is exactly"),
                            ("wildcard", "matches, * for anything"),
                            ("regex", "matches the regular expression"),
                        ],
                        default="exact",
                        max_length=10,
                    ),
                ),
                (
                    "page",
                    models.CharField(
                        blank=True, help_text="Only on pages that match this path; * for anything", max_length=500
                    ),
                ),
                (
                    "text",
                    models.CharField(blank=True, help_text="Clicks: only on elements with this text", max_length=200),
                ),
                ("threshold", models.PositiveIntegerField(default=0)),
                ("conversion", models.BooleanField(default=True, help_text="Counts in the key figure “Conversions”")),
                ("fixed_revenue", models.DecimalField(blank=True, decimal_places=4, max_digits=16, null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("active", models.BooleanField(default=True)),
                ("created", models.DateTimeField(auto_now_add=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="goals", to="sites.site"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("site", "name"), name="one_goal_per_name_and_site"),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "page",
                                    "event",
                                    "outbound",
                                    "download",
                                    "form",
                                    "click",
                                    "scroll",
                                    "duration",
                                    "manual",
                                ],
                            )
                        ),
                        name="goal_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("pattern_kind__in", ["exact", "wildcard", "regex"])),
                        name="goal_pattern_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "page"), _negated=True),
                            models.Q(("pattern", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="goal_of_a_page_names_it",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "scroll"), _negated=True), ("threshold__range", (1, 100)), _connector="OR"
                        ),
                        name="goal_of_scroll_has_a_threshold",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "duration"), _negated=True),
                            ("threshold__range", (1, 86400)),
                            _connector="OR",
                        ),
                        name="goal_of_duration_has_a_threshold",
                    ),
                ],
            },
        ),
    ]
