"""Addresses of annotations."""

from django.urls import path

from reports.annotations import views

app_name = "annotations"
urlpatterns = [
    path("sites/<int:site_id>/notes", views.notes, name="list"),
    path("sites/<int:site_id>/notes/<int:note_id>/remove", views.note_remove, name="remove"),
]
