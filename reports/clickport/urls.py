"""URLs of Clickport's API below `/api/`; the app `tracking` receives `/api/event`."""

from django.urls import path

from reports.clickport import views
from reports.clickport.breakdowns import BREAKDOWNS

app_name = "clickport"
urlpatterns = [
    path("api/query", views.QueryView.as_view()),
    path("api/realtime", views.RealtimeView.as_view()),
    path("api/goals", views.GoalsView.as_view()),
    path("api/ledger", views.IngestionAuditView.as_view()),
    path("api/tech", views.TechView.as_view()),
    *(path(f"api/{breakdown.address}", views.build_breakdown_view(breakdown)) for breakdown in BREAKDOWNS.values()),
]
