import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("links", "0001_tracked_links_and_pixels")]

    operations = [
        migrations.CreateModel(
            name="Destination",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("digest", models.CharField(help_text="SHA-256 of the address", max_length=64)),
                ("url", models.CharField(max_length=4000)),
                ("next_due", models.DateTimeField(db_index=True)),
                ("checked", models.DateTimeField(blank=True, null=True)),
                ("first_failure", models.DateTimeField(blank=True, null=True)),
                ("dead_since", models.DateTimeField(blank=True, null=True)),
                ("cause", models.CharField(blank=True, max_length=200)),
                (
                    "datapoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="watched_destinations",
                        to="links.datapoint",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("datapoint", "digest"), name="a_destination_once_per_link")
                ]
            },
        ),
    ]
