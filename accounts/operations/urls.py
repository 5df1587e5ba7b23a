"""URLs of the operator's pages."""

from django.urls import path

from accounts.operations import views

app_name = "operations"
urlpatterns = [
    path("operations", views.show_operations, name="task-runs"),
    path("operations/audit-log", views.show_audit_log, name="audit-log"),
    path("operations/mail", views.list_sent_mails, name="sent-mails"),
    path("operations/mail/<str:name>/<int:place>", views.show_sent_mail, name="sent-mail"),
    path("operations/mail/<str:name>/<int:place>/letter", views.show_sent_letter, name="sent-letter"),
]
