import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("uptime", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="IncidentPrice",
            fields=[
                (
                    "incident",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="uptime.incident",
                    ),
                ),
                ("usual_visits", models.FloatField()),
                ("actual_visits", models.FloatField()),
                ("value_per_visit", models.FloatField(default=0)),
                ("currency", models.CharField(blank=True, max_length=3)),
                ("until", models.DateTimeField(help_text="The end of what was compared")),
                ("final", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("actual_visits__gte", 0), ("usual_visits__gte", 0)),
                        name="incident_visits_not_negative",
                    )
                ],
            },
        ),
    ]
