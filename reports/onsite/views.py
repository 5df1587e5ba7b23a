"""The addresses of the widget: the window that a badge opens, the frame on the customer's page, and what it asks.

The frame has no cookie: browsers send none to a frame on another site. It sends the token that it got for a code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.security.client_ip import get_client_key
from accounts.security.rate_limits import RateLimit, count_request
from accounts.security.sessions import hash_session_key
from reports.labels import detect_locale
from reports.onsite.access import (
    OpenWidget,
    find_open_widget,
    find_widget_config,
    get_site_with_widget,
    is_own_origin,
    parse_origin,
)
from reports.onsite.panels import (
    DEFAULT_PERIOD,
    PERIODS,
    PageQuestion,
    build_page_numbers,
    count_online,
    list_recent_visits,
)
from reports.onsite.services import widget_close, widget_continue, widget_open
from reports.query.errors import QueryRefused
from reports.widget import build_heatmap, parse_path
from sites.site_config import build_site_config
from tracking.store import StoreError

LIMIT = RateLimit("widget", 240, 60)  # requests of one client
NOT_OPEN = "The widget is not open."
WidgetView = Callable[[HttpRequest, OpenWidget, PageQuestion], HttpResponse]


@require_http_methods(["GET", "HEAD"])
@never_cache
@ensure_csrf_cookie
def open_window(request: HttpRequest, site_id: int) -> HttpResponse:
    """Display the window that the badge opens: it hands a code to the frame and closes itself.

    It keeps its connection to the page that opened it (Cross-Origin-Opener-Policy), whoever asks: otherwise any page
    could find out by opening it who may open the widget.
    """
    if not request.user.is_authenticated:
        response = render(request, "onsite/log_in.html", {"site_id": site_id}, status=401)
    else:
        try:
            site = get_site_with_widget(request.user, site_id)
            response = render(request, "onsite/window.html", {"opened": site, "base": f"/widget/{site_id}"})
        except Http404:
            response = render(request, "404.html", status=404)
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response


@require_safe
@never_cache
def confirm_login(request: HttpRequest) -> HttpResponse:
    """Display where people come to who logged in for a widget: back to the window that waits for it."""
    return render(request, "onsite/logged_in.html")


@require_POST
@never_cache
@sensitive_post_parameters()
def grant_code(request: HttpRequest, site_id: int) -> HttpResponse:
    """Give the window a code for a frame on a page of the origin in the body, which must be the site's."""
    if not isinstance(request.user, User):
        return JsonResponse({"error": "Log in first."}, status=401)
    site = get_site_with_widget(request.user, site_id)
    origin = parse_origin(request.POST.get("origin", ""))
    if not is_own_origin(build_site_config(site), origin):
        return JsonResponse({"error": f"{origin or 'This page'} is none of the site's hosts."}, status=400)
    login = hash_session_key(request.session.session_key or "")
    code = widget_open(site=site, user=request.user, login=login, origin=origin, now=timezone.now())
    return JsonResponse({"code": code}, status=201)


@require_safe
@never_cache
def serve_frame(request: HttpRequest, site_id: int) -> HttpResponse:
    """Display the frame of the widget, which has no numbers; only pages of the site may contain it."""
    config = find_widget_config(site_id)
    if config is None:
        raise Http404("No such widget.")
    context = {"base": f"/widget/{site_id}", "widget": config.widget, "periods": PERIODS.items()}
    response = render(request, "onsite/frame.html", context)
    response.frame_ancestors = config.hosts.list_ancestors()  # type: ignore[attr-defined]
    response.xframe_options_exempt = True
    response["Cross-Origin-Embedder-Policy"] = "require-corp"  # so that pages which demand it may contain the frame
    response["Referrer-Policy"] = "no-referrer"
    return response


@csrf_exempt  # no cookie counts here, only the code
@require_POST
@never_cache
@sensitive_post_parameters()
def exchange_code(request: HttpRequest, site_id: int) -> HttpResponse:
    """Exchange a code for a token and the next code; 401 for one that is unknown, used or too old."""
    now = timezone.now()
    if refusal := refuse_flood(request):
        return refusal
    access = widget_continue(site_id=site_id, code=request.POST.get("code", ""), now=now)
    if access is None:
        return JsonResponse({"error": NOT_OPEN}, status=401)
    return JsonResponse({"token": access.token, "code": access.code, "seconds": access.seconds})


def refuse_flood(request: HttpRequest) -> HttpResponse | None:
    """Return a 429 for a client with too many requests; None for all others."""
    wait = count_request(LIMIT, get_client_key(request), timezone.now()).retry_after
    if not wait:
        return None
    return JsonResponse({"error": "Too many requests."}, status=429, headers={"Retry-After": str(wait)})


def for_open_widget(view: WidgetView) -> Callable[[HttpRequest, int], HttpResponse]:
    """Wrap a view of the frame's requests: checks the token and everything behind it, and the page's origin."""

    @csrf_exempt
    @never_cache
    @wraps(view)
    def wrapped(request: HttpRequest, site_id: int) -> HttpResponse:
        if refusal := refuse_flood(request):
            return refusal
        now = timezone.now()
        widget, href = find_open_widget(request, site_id, now), request.GET.get("href", "")
        if widget is None or parse_origin(href) != widget.session.origin:
            return JsonResponse({"error": NOT_OPEN}, status=401)
        period = request.GET.get("period", "")
        question = PageQuestion(
            config=widget.config,
            path=parse_path(widget.config, QueryDict(urlencode({"href": href}))),
            period_name=period if period in PERIODS else DEFAULT_PERIOD,
            locale=detect_locale(request),
            now=now,
        )
        try:
            return view(request, widget, question)
        except QueryRefused as error:
            return JsonResponse({"error": error.sentence}, status=400)
        except StoreError as error:
            return JsonResponse({"error": str(error)}, status=503)

    return wrapped


@require_safe
@for_open_widget
def show_online(request: HttpRequest, widget: OpenWidget, question: PageQuestion) -> HttpResponse:
    """Answer with the number of visitors on the site and on the page now."""
    on_site, on_page = count_online(question)
    return JsonResponse({"site": on_site, "page": on_page})


@require_safe
@for_open_widget
def show_page(request: HttpRequest, widget: OpenWidget, question: PageQuestion) -> HttpResponse:
    """Answer with the numbers, sources and goals of the page, as HTML."""
    context = {"site": widget.site, "numbers": build_page_numbers(question), "question": question}
    return render(request, "onsite/_page.html", context)


@require_safe
@for_open_widget
def show_visitors(request: HttpRequest, widget: OpenWidget, question: PageQuestion) -> HttpResponse:
    """Answer with the newest visits, of the site or (`only=page`) of the page, as HTML."""
    only_page = request.GET.get("only") == "page"
    visits = list_recent_visits(question, only_page)
    return render(request, "onsite/_visitors.html", {"site": widget.site, "visits": visits, "only_page": only_page})


@require_safe
@for_open_widget
def show_heatmap(request: HttpRequest, widget: OpenWidget, question: PageQuestion) -> HttpResponse:
    """Answer with the clicks on the page, for the overlay that the customer's page paints; without filters."""
    asked = {"href": request.GET.get("href", ""), "w": request.GET.get("w", ""), "date": question.period_name}
    return JsonResponse(build_heatmap(widget.config, QueryDict(urlencode(asked)), question.now))


@require_POST
@for_open_widget
def close(request: HttpRequest, widget: OpenWidget, question: PageQuestion) -> HttpResponse:
    """End the open widget, as its button says."""
    widget_close(widget=widget.session)
    return JsonResponse({"closed": True})
