"""URLs of billing webhooks; `config.urls` includes them at the root."""

from django.urls import path

from accounts.api.resources import build_routes
from sites.alerts import billing_views as views
from sites.alerts.billing_api import BillingDeliveryViews, BillingWebhookViews

app_name = "billing"
urlpatterns = [
    path("operations/billing", views.list_webhooks, name="webhooks"),
    path("operations/billing/new", views.edit_webhook, name="webhook-new"),
    path("operations/billing/<int:webhook_id>", views.edit_webhook, name="webhook"),
    path("operations/billing/<int:webhook_id>/secret", views.show_webhook_secret, name="webhook-secret"),
    path("operations/billing/<int:webhook_id>/test", views.send_webhook_test, name="webhook-test"),
    path("operations/billing/<int:webhook_id>/delete", views.delete_webhook, name="webhook-delete"),
    path("operations/billing/deliveries/<uuid:delivery_id>/repeat", views.repeat_delivery, name="delivery-repeat"),
    *build_routes({
        "installation/billing-webhooks": BillingWebhookViews,
        "installation/billing-deliveries": BillingDeliveryViews,
    }),
]  # fmt: skip
