"""URLs of goals in the management API; their pages are the dashboard's."""

from accounts.api.resources import build_routes
from goals.api import FunnelViews, GoalViews, SegmentViews

app_name = "goals"
urlpatterns = build_routes(
    {
        "sites/<int:site_id>/goals": GoalViews,
        "sites/<int:site_id>/funnels": FunnelViews,
        "sites/<int:site_id>/segments": SegmentViews,
    }
)
