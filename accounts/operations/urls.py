"""URLs of the operator's pages."""

from django.urls import path

from accounts.operations import account_pages, plan_pages, views

app_name = "operations"
urlpatterns = [
    path("operations", views.show_operations, name="task-runs"),
    path("operations/audit-log", views.show_audit_log, name="audit-log"),
    path("operations/sign-up", views.choose_sign_up, name="sign-up"),
    path("operations/accounts", account_pages.list_accounts, name="accounts"),
    path("operations/accounts/<int:account_id>", account_pages.show_account, name="account"),
    path("operations/accounts/<int:account_id>/suspend", account_pages.suspend_account, name="account-suspend"),
    path("operations/accounts/<int:account_id>/resume", account_pages.resume_account, name="account-resume"),
    path("operations/accounts/<int:account_id>/impersonate", account_pages.impersonate, name="account-impersonate"),
    path("operations/accounts/<int:account_id>/plan", account_pages.choose_plan, name="account-plan"),
    path("operations/plans", plan_pages.list_plan_rows, name="plans"),
    path("operations/plans/new", plan_pages.create_plan, name="plan-new"),
    path("operations/plans/<int:plan_id>", plan_pages.edit_plan, name="plan"),
    path("operations/plans/<int:plan_id>/delete", plan_pages.delete_plan, name="plan-delete"),
    path("operations/impersonation/end", account_pages.end_impersonation, name="impersonation-end"),
    path("operations/mail", views.list_sent_mails, name="sent-mails"),
    path("operations/mail/<str:name>/<int:place>", views.show_sent_mail, name="sent-mail"),
    path("operations/mail/<str:name>/<int:place>/letter", views.show_sent_letter, name="sent-letter"),
]
