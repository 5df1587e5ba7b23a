"""Addresses of annotations."""

from django.urls import path

from accounts.api.resources import build_routes
from reports.annotations import views
from reports.annotations.api import AnnotationViews

app_name = "annotations"
urlpatterns = [
    path("sites/<int:site_id>/notes", views.notes, name="list"),
    path("sites/<int:site_id>/notes/<int:note_id>/remove", views.note_remove, name="remove"),
    *build_routes({"sites/<int:site_id>/annotations": AnnotationViews}),
]
