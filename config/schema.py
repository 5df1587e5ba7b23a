"""`/api/schema/`: OpenAPI of everything that speaks REST here, under the name of the host that is asked."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.brand import brand_for


class Schema(SpectacularAPIView):
    """YAML, or JSON with `Accept: application/json` or `?format=json`."""

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The schema."""
        answer = super().get(request, *args, **kwargs)
        answer.data["info"]["title"] = f"{brand_for(request._request).name} API"
        return answer
