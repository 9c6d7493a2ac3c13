"""Topics that reach mailboxes, through a real SMTP server on loopback."""

import email
import email.policy
import json
import re
import smtplib
import threading

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from tests.live import free_port
from tests.notifications.conftest import BASE_URL, RefusedError, received
from tests.waiting import until

from groundwatch.aws.http import WireRequest
from groundwatch.notifications.pages import routes
from groundwatch.notifications.sending.mail import MailServer

ADDRESS = "ops@example.com"


class Mailbox:
    def __init__(self):
        self.mails, self.answer, self.users = [], "250 OK", []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        if self.answer.startswith("2"):
            self.mails.append((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        return self.answer

    def authenticate(self, server, session, envelope, mechanism, data):
        self.users.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss")


@pytest.fixture
def mailbox():
    box = Mailbox()
    box.port = free_port()
    options = {"authenticator": box.authenticate, "auth_require_tls": False}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
async def world(make_world, mailbox):
    return await make_world(mail_server=MailServer.of(f"smtp://127.0.0.1:{mailbox.port}", "Ops <no-reply@example.com>"))


async def subscribed(world, mailbox, protocol="email"):
    topic = await world.topic(DisplayName="Größe")
    await world.call("Subscribe", TopicArn=topic, Protocol=protocol, Endpoint=ADDRESS)
    await until(lambda: mailbox.mails)
    mailbox.mails.clear()
    subscription = (await world.room.operations._room.store.subscriptions("111122223333", "us-east-1", "", 2))[0]
    await world.call("ConfirmSubscription", TopicArn=topic, Token=subscription.token)
    return topic


async def test_a_mailbox_confirms_by_a_page_with_a_button(world, mailbox, signer):
    topic = await world.topic()
    await world.call("Subscribe", TopicArn=topic, Protocol="email", Endpoint=ADDRESS)
    ((envelope, mail),) = await until(lambda: mailbox.mails)
    assert (envelope.rcpt_tos, mail["To"], mail["Auto-Submitted"]) == ([ADDRESS], ADDRESS, "auto-generated")
    assert mail["Subject"] == "AWS Notification - Subscription Confirmation"
    url = re.search(r"\S+confirmation\.html\S+", mail.get_content())[0]
    assert url.startswith(BASE_URL)
    path, _, query = url.removeprefix(BASE_URL).partition("?")
    page = await routes(signer)[path](WireRequest("GET", path, query, (), b"", "127.0.0.1"))
    fields = dict(re.findall(r'name="(\w+)" value="([^"]+)"', page.body.decode()))
    form = "&".join(f"{name}={value}" for name, value in fields.items()).encode()
    head = (("content-type", "application/x-www-form-urlencoded"),)
    answer = await world.port.handle(WireRequest("POST", "/", "", head, form, "127.0.0.1"))
    assert answer.status == 200
    (listed,) = (await world.call("ListSubscriptions"))["Subscriptions"]
    assert listed["SubscriptionArn"].startswith(f"{topic}:")


async def test_a_mail(world, mailbox):
    topic = await subscribed(world, mailbox)
    bodies = {"default": "for machines", "email": "Grüße\nvon hier"}
    answer = await world.call(
        "Publish", TopicArn=topic, Message=json.dumps(bodies), MessageStructure="json", Subject="Größe zählt"
    )
    ((_, mail),) = await until(lambda: mailbox.mails)
    assert mail["Subject"] == "Größe zählt"
    assert mail["From"].addresses[0].display_name == "Größe"
    assert mail["From"].addresses[0].addr_spec == "no-reply@example.com"
    assert mail["Message-ID"].startswith(f"<{answer['MessageId']}.")
    text = mail.get_content().replace("\r\n", "\n")
    assert text.startswith("Grüße\nvon hier\n\n--\nTo stop receiving")
    assert f"{BASE_URL}/unsubscribe.html?SubscriptionArn=arn:aws:sns:" in text


async def test_mail_for_programs(world, mailbox):
    topic = await subscribed(world, mailbox, "email-json")
    await world.call("Publish", TopicArn=topic, Message="x")
    ((_, mail),) = await until(lambda: mailbox.mails)
    assert json.loads(mail.get_content())["Message"] == "x"
    assert mail["Subject"] == "AWS Notification Message"


async def test_a_mailbox_that_does_not_exist(world, mailbox):
    topic = await subscribed(world, mailbox)
    mailbox.answer = "550 no such mailbox"
    await world.call("Publish", TopicArn=topic, Message="x")
    await until(lambda: world.letters.events)
    ((_, _, letter),) = world.letters.events
    assert letter["delivery"]["statusCode"] == 550
    assert "no such mailbox" in letter["delivery"]["providerResponse"]


@pytest.mark.parametrize("answer", ["451 later", "554 refused by policy"])
async def test_a_server_that_is_out_of_order(world, mailbox, clock, answer):
    topic = await subscribed(world, mailbox)
    mailbox.answer = answer
    await world.call("Publish", TopicArn=topic, Message="x")
    (lane,) = await until(lambda: list(world.room.deliveries._lanes.values()))
    await until(lambda: lane._failing and not lane._busy)
    assert world.letters.events == []
    mailbox.answer = "250 OK"
    clock.now_ms += 12_000
    lane.wake()
    await until(lambda: mailbox.mails)


async def test_user_and_password(make_world, mailbox):
    url = f"smtp://ops:p%40ss@127.0.0.1:{mailbox.port}"
    world = await make_world(mail_server=MailServer.of(url, "no-reply@example.com"))
    await world.call("Subscribe", TopicArn=await world.topic(), Protocol="email", Endpoint=ADDRESS)
    await until(lambda: mailbox.mails)
    assert mailbox.users == [(b"ops", b"p@ss")]


@pytest.mark.parametrize(
    "endpoint", ["nobody", "a@", "@b", "a b@c.de", "a@b.de, c@d.de", "a@b.de\nBcc: c@d.de", "<a@b.de>", "ü@b.de"]
)
async def test_addresses_that_are_none(world, endpoint):
    with pytest.raises(RefusedError, match="Invalid parameter: Email address"):
        await world.call("Subscribe", TopicArn=await world.topic(), Protocol="email", Endpoint=endpoint)


def test_where_mail_is_handed_in():
    assert MailServer.of("smtps://u:p@mail.example", "a@b.de") == MailServer(
        "mail.example", 465, implicit_tls=True, user="u", password="p", sender="a@b.de"
    )
    assert MailServer.of("smtp://mail.example:25", "a@b.de").port == smtplib.SMTP_PORT


async def test_a_mail_server_that_hangs_holds_up_mail_alone(world, mailbox, web_server):
    topic = await subscribed(world, mailbox)
    await world.subscribed(topic, web_server)
    going_on = threading.Event()
    asked: list[object] = []

    def hang(mail):
        asked.append(mail)
        going_on.wait(30)

    world.room._mail._hand_in = hang
    for number in range(5):
        await world.call("Publish", TopicArn=topic, Message=str(number))
    await received(web_server, 5)
    await until(lambda: len(asked) == 2)
    going_on.set()
    await until(lambda: len(asked) == 5)
