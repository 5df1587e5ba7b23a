"""URLs of usage; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from reports.usage import api, views

app_name = "usage"
urlpatterns: list[URLPattern | URLResolver] = [
    path("account/usage", views.show_usage, name="page"),
    path("api/v1/usage", api.UsageDetail.as_view()),
]
