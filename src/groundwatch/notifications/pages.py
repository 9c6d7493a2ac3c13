"""What the service port serves to subscribers beside its API: the certificate, and pages behind links in e-mail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from html import escape
from urllib.parse import parse_qs

from groundwatch.aws.http import WireRequest, WireResponse
from groundwatch.notifications.signing import Signer

MAX_FIELDS = 10
_HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    # A page of somebody else's must not get the button pressed.
    ("Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)
Route = Callable[[WireRequest], Awaitable[WireResponse]]


def routes(signer: Signer) -> Mapping[str, Route]:
    """Return handlers of GET requests by path."""

    async def certificate(_request: WireRequest) -> WireResponse:
        return WireResponse(200, (("Content-Type", "application/x-pem-file"),), signer.certificate_pem)

    return {
        signer.certificate_path: certificate,
        "/confirmation.html": _page("ConfirmSubscription", "Confirm this subscription", ("TopicArn", "Token")),
        "/unsubscribe.html": _page("Unsubscribe", "End this subscription", ("SubscriptionArn",)),
    }


def _page(action: str, title: str, names: tuple[str, ...]) -> Route:
    async def page(request: WireRequest) -> WireResponse:
        try:
            given = parse_qs(request.query_string, max_num_fields=MAX_FIELDS)
        except ValueError:
            given = {}
        fields = {"Action": action} | {name: given[name][0] for name in names if name in given}
        inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(text)}">' for name, text in fields.items())
        # Everything comes from the link, which anybody can make: it is shown as text and does nothing until pressed.
        about = escape(fields.get(names[0], ""))
        form = f'<form method="post" action="./">{inputs}<button>{title}</button></form>'
        html = f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}?</h1><p>{about}</p>{form}</html>\n'
        return WireResponse(200, _HEADERS, html.encode())

    return page
