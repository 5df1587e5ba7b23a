"""URLs of the operator's pages."""

from django.urls import path

from accounts.operations import views

urlpatterns = [
    path("operations", views.show_operations, name="operations"),
    path("operations/mail", views.list_sent_mails, name="sent-mails"),
    path("operations/mail/<str:name>/<int:place>", views.show_sent_mail, name="sent-mail"),
    path("operations/mail/<str:name>/<int:place>/letter", views.show_sent_letter, name="sent-letter"),
]
