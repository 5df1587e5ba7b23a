"""URLs of the app; `config.urls` includes them at the root."""

from django.urls import URLPattern, URLResolver, path

from tracking import views

app_name = "tracking"
urlpatterns: list[URLPattern | URLResolver] = [
    path("sites/<int:site_id>/settings/personal-data", views.personal_data, name="personal-data"),
    path("api/v1/sites/<int:site_id>/personal-data", views.PersonalData.as_view()),
]
