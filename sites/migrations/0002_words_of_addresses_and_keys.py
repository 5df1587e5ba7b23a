"""The choices for addresses and the help of trusted keys in plain words."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sites", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name="apikey",
            name="trusted",
            field=models.BooleanField(
                default=False, help_text="May send the visitor's IP, user agent and time; no rate limit"
            ),
        ),
        migrations.AlterField(
            model_name="site",
            name="addresses",
            field=models.CharField(
                choices=[
                    ("keep", "Store it in full"),
                    ("truncate", "Truncate it (IPv4 to /24, IPv6 to /48)"),
                    ("drop", "Do not store it"),
                ],
                default="truncate",
                max_length=10,
            ),
        ),
    ]
