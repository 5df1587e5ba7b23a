"""What a site chooses about its on-site widget."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sites", "0003_labels"),
    ]

    operations = [
        migrations.AddField(
            model_name="site",
            name="widget",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
