"""URLs of goals, funnels and segments."""

from django.urls import path

from reports.dashboard.goals.funnel_pages import funnel_edit, funnel_list, funnel_remove, funnel_report
from reports.dashboard.goals.goal_pages import goal_edit, goal_list, goal_remove
from reports.dashboard.goals.goal_report import goal_report
from reports.dashboard.goals.segment_pages import segment_remove, segment_save

SITE = "sites/<int:site_id>"
urlpatterns = [
    path(f"{SITE}/goals", goal_list, name="goals"),
    path(f"{SITE}/goals/new", goal_edit, name="goal-new"),
    path(f"{SITE}/goals/<int:goal_id>", goal_edit, name="goal"),
    path(f"{SITE}/goals/<int:goal_id>/report", goal_report, name="goal-report"),
    path(f"{SITE}/goals/<int:goal_id>/remove", goal_remove, name="goal-remove"),
    path(f"{SITE}/funnels", funnel_list, name="funnels"),
    path(f"{SITE}/funnels/new", funnel_edit, name="funnel-new"),
    path(f"{SITE}/funnels/<int:funnel_id>", funnel_report, name="funnel"),
    path(f"{SITE}/funnels/<int:funnel_id>/edit", funnel_edit, name="funnel-edit"),
    path(f"{SITE}/funnels/<int:funnel_id>/remove", funnel_remove, name="funnel-remove"),
    path(f"{SITE}/segments", segment_save, name="segment-save"),
    path(f"{SITE}/segments/<int:segment_id>/forget", segment_remove, name="segment-forget"),
]
