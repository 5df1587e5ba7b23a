"""Addresses of annotations."""

from django.urls import path

from reports.annotations import views

urlpatterns = [
    path("sites/<int:site_id>/notes", views.notes, name="notes"),
    path("sites/<int:site_id>/notes/<int:note_id>/remove", views.note_remove, name="note-remove"),
]
