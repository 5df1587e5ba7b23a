"""Clickport's addresses below `/api/`; `/api/event` is a door of the tracking room."""

from django.urls import path

from reports.clickport import views
from reports.clickport.breakdowns import BREAKDOWNS

urlpatterns = [
    path("api/query", views.QueryView.as_view()),
    path("api/realtime", views.RealtimeView.as_view()),
    path("api/goals", views.GoalsView.as_view()),
    path("api/ledger", views.LedgerView.as_view()),
    path("api/tech", views.TechView.as_view()),
    *(path(f"api/{row.address}", views.breakdown_view(row)) for row in BREAKDOWNS.values()),
]
