"""Messages in the form that a chat takes at its web hook: JSON made from a template.

A template is a JSON object. In its texts `${name}` stands for part of a message; `${message.A.B}` for a member of a
message that is a JSON object itself, such as an alarm's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from groundwatch.notifications.documents import body_for, iso_time
from groundwatch.notifications.errors import invalid
from groundwatch.notifications.records import Delivery

MAX_TEMPLATE_CHARACTERS = 8192
MAX_VALUE_CHARACTERS = 1800
"""Discord takes 2,000 characters, the others more."""
MAX_DEPTH = 32
ATTRIBUTE = "WebhookTemplate"
_PLACE = re.compile(r"\$\{([^}]*)\}")
_NAMES = frozenset({"title", "text", "subject", "message", "topic", "topic_arn", "message_id", "timestamp"})
_MEMBER = re.compile(r"message(\.[A-Za-z0-9_-]{1,128}){1,8}", re.ASCII)

TEMPLATES: Mapping[str, Mapping[str, Any]] = {
    "slack": {"text": "*${title}*\n${text}"},
    # Nobody who publishes to a topic shall call everybody in the channel.
    "discord": {"content": "**${title}**\n${text}", "allowed_mentions": {"parse": []}},
    "teams": {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "type": "AdaptiveCard",
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "version": "1.4",
                    "body": [
                        {"type": "TextBlock", "text": "${title}", "weight": "bolder", "wrap": True},
                        {"type": "TextBlock", "text": "${text}", "wrap": True},
                    ],
                },
            }
        ],
    },
}


def check_template(value: str) -> None:
    """Return when `value` names a template or is one; raise `InvalidParameter`."""
    if value in TEMPLATES:
        return
    if len(value) > MAX_TEMPLATE_CHARACTERS:
        raise _refused(f"longer than {MAX_TEMPLATE_CHARACTERS} characters")
    try:
        template = json.loads(value)
        rendered = _render(template, _check_place)
    except (ValueError, RecursionError) as error:
        raise _refused(f"neither one of {', '.join(TEMPLATES)} nor a JSON object") from error
    if not isinstance(rendered, dict):
        raise _refused(f"neither one of {', '.join(TEMPLATES)} nor a JSON object")


def is_webhook_host(endpoint: str, hosts: tuple[str, ...]) -> bool:
    """Tell whether the operator has said that a URL's host takes web hooks, which need no confirmation."""
    host = urlsplit(endpoint).hostname or ""
    return any(host == known or (known.startswith("*.") and host.endswith(known[1:])) for known in hosts)


def render(value: str, delivery: Delivery) -> str:
    """Return the JSON for a web hook."""
    template = TEMPLATES.get(value) or json.loads(value)
    values = _Values(delivery, escape=_for_slack if value == "slack" else str)
    return json.dumps(_render(template, values.find), ensure_ascii=False)


class _Values:
    """What the places of a template stand for."""

    def __init__(self, delivery: Delivery, escape: Callable[[str], str]) -> None:
        self._delivery = delivery
        self._escape = escape
        self._body = body_for(delivery.message, delivery.subscription.protocol)
        try:
            self._document: object = json.loads(self._body)
        except (ValueError, RecursionError):
            self._document = None

    def find(self, name: str) -> str:
        """Return the text for `${name}`, cut where it gets long."""
        text = self._member(name.split(".")[1:]) if "." in name else self._known(name)
        cut = text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"
        return self._escape(cut)

    def _known(self, name: str) -> str:
        message, topic = self._delivery.message, self._delivery.subscription.topic
        alarm = self._member(["AlarmName"])
        values = {
            "title": message.subject or (f"{alarm}: {self._member(['NewStateValue'])}" if alarm else topic.name),
            "text": self._member(["NewStateReason"]) if alarm else self._body,
            "subject": message.subject or "",
            "message": self._body,
            "topic": topic.name,
            "topic_arn": topic.arn,
            "message_id": message.id,
            "timestamp": iso_time(message.published_ms),
        }
        return values[name]

    def _member(self, path: list[str]) -> str:
        found = self._document
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if found is None:
            return ""
        return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _render(template: Any, find: Callable[[str], str], depth: int = 0) -> Any:  # noqa: ANN401 - any JSON
    if depth > MAX_DEPTH:
        raise ValueError("nested too deep")
    if isinstance(template, str):
        return _PLACE.sub(lambda place: find(place[1]), template)
    if isinstance(template, list):
        return [_render(item, find, depth + 1) for item in template]
    if isinstance(template, dict):
        return {key: _render(item, find, depth + 1) for key, item in template.items()}
    return template


def _check_place(name: str) -> str:
    if name not in _NAMES and not _MEMBER.fullmatch(name):
        raise _refused(f"unknown place ${{{name}}}; known are {', '.join(sorted(_NAMES))} and message.MEMBER")
    return ""


def _for_slack(text: str) -> str:
    # `<!channel>` would call everybody.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _refused(reason: str) -> Exception:
    return invalid("Attributes", f"{ATTRIBUTE}: {reason}")
