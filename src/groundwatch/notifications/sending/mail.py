"""Deliveries by e-mail, over the SMTP server that the operator has named."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from urllib.parse import unquote, urlsplit

import msgspec

from groundwatch.notifications.documents import Documents, body_for
from groundwatch.notifications.records import Delivery
from groundwatch.notifications.sending.outcome import DELIVERED, Outcome

TIMEOUT_S = 30.0
"""For each step of a conversation."""
THREADS = 4
DEFAULT_PORTS = {"smtp": 587, "smtps": 465}
DEFAULT_SENDER_NAME = "AWS Notifications"
DEFAULT_SUBJECT = "AWS Notification Message"
CONFIRMATION_SUBJECT = "AWS Notification - Subscription Confirmation"
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
PERMANENT = range(500, 600)
# Wrong passwords and refused senders are for the operator to mend, and that within hours.
MENDABLE = frozenset({530, 534, 535, 538, 554})


class MailServer(msgspec.Struct, frozen=True):
    """Where mail is handed in, and in whose name."""

    host: str
    port: int
    implicit_tls: bool
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def of(cls, url: str, sender: str) -> MailServer:
        """Return the server that `smtp://` or `smtps://` names, with user and password where it has them."""
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or DEFAULT_PORTS[parts.scheme],
            implicit_tls=parts.scheme == "smtps",
            user=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            sender=sender,
        )


class MailSender:
    """Hands in one mail at a time in each of a few threads: a slow server holds up nothing but mail."""

    def __init__(self, server: MailServer, documents: Documents, trust: ssl.SSLContext | None = None) -> None:
        self._server = server
        self._documents = documents
        self._trust = trust or ssl.create_default_context()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="mail")

    async def send(self, delivery: Delivery) -> Outcome:
        """Hand in once."""
        mail = self._compose(delivery)
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._hand_in, mail)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            return _failed(code, text)
        except smtplib.SMTPResponseException as error:
            return _failed(error.smtp_code, error.smtp_error)
        except (smtplib.SMTPException, OSError) as error:
            return Outcome(delivered=False, reason=f"{type(error).__name__}: {error}", retry=True)
        return DELIVERED

    def close(self) -> None:
        """Wait for nothing."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _hand_in(self, mail: EmailMessage) -> None:
        server = self._server
        with self._connect() as connection:
            if not server.implicit_tls and self._needs_starttls(connection):
                connection.starttls(context=self._trust)
            if server.user is not None:
                connection.login(server.user, server.password or "")
            connection.send_message(mail)

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.implicit_tls:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT_S, context=self._trust)
        return smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)

    def _needs_starttls(self, connection: smtplib.SMTP) -> bool:
        connection.ehlo_or_helo_if_needed()
        # A password never goes over a network in the clear: without STARTTLS this fails.
        has_secret = self._server.user is not None and self._server.host not in LOCAL_HOSTS
        return connection.has_extn("starttls") or has_secret

    def _compose(self, delivery: Delivery) -> EmailMessage:
        subscription = delivery.subscription
        mail = EmailMessage(policy=SMTP)
        mail["From"] = _sender(self._server.sender, delivery.topic_attributes)
        mail["To"] = Address(addr_spec=subscription.endpoint)
        mail["Subject"] = _subject(delivery)
        mail["Date"] = formatdate(delivery.message.published_ms / 1000)
        # The same for every attempt, so that a mailbox can tell a second copy.
        host = parseaddr(self._server.sender)[1].rpartition("@")[2]
        mail["Message-ID"] = f"<{delivery.message.id}.{subscription.id}@{host}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self._text(delivery))
        return mail

    def _text(self, delivery: Delivery) -> str:
        message, subscription, links = delivery.message, delivery.subscription, self._documents.links
        topic = subscription.topic.arn
        if message.kind == "SubscriptionConfirmation":
            page = links.confirm_page(topic, subscription.token)
            return (
                f"You have chosen to subscribe to the topic:\n{topic}\n\nTo confirm this subscription, visit:\n{page}\n"
            )
        if message.kind == "UnsubscribeConfirmation":
            page = links.confirm_page(topic, subscription.token)
            return f"Your subscription to this topic was deactivated:\n{topic}\n\nTo restore it, visit:\n{page}\n"
        if subscription.protocol == "email-json":
            return self._documents.write(delivery)
        page = links.unsubscribe_page(subscription.arn)
        return f"{body_for(message, 'email')}\n\n--\nTo stop receiving notifications from this topic, visit:\n{page}\n"


def _subject(delivery: Delivery) -> str:
    if delivery.message.kind != "Notification":
        return CONFIRMATION_SUBJECT
    return delivery.message.subject or DEFAULT_SUBJECT


def _sender(address: str, topic_attributes: Mapping[str, str]) -> Address:
    given_name, spec = parseaddr(address)
    return Address(topic_attributes.get("DisplayName") or given_name or DEFAULT_SENDER_NAME, addr_spec=spec)


def _failed(code: int, text: bytes | str) -> Outcome:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    retry = code not in PERMANENT or code in MENDABLE
    return Outcome(delivered=False, reason=f"the mail server answered {code} {said[:200]}", retry=retry, status=code)
