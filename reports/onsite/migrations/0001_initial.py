import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("sites", "0004_site_widget"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="WidgetSession",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("login", models.CharField(help_text="The session of the log-in, as it is stored", max_length=40)),
                ("origin", models.CharField(help_text="Of the pages: https://shop.example", max_length=300)),
                ("code_hash", models.CharField(max_length=64, unique=True)),
                ("code_expires", models.DateTimeField()),
                ("token_hash", models.CharField(max_length=64, null=True, unique=True)),
                ("token_expires", models.DateTimeField(null=True)),
                ("created", models.DateTimeField()),
                ("used", models.DateTimeField(help_text="When a page last got a token")),
                ("expires", models.DateTimeField(db_index=True)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="widget_sessions", to="sites.site"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
        ),
    ]
