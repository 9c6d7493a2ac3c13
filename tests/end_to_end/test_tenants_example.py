"""examples/tenants as it is: no customer reaches the logs of another one by anything that it may send."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from tests.end_to_end.tenant_tricks import EVENTS, KEYED, LOOKALIKES, SEARCH, STREAM, TOKEN, TRICKS, VICTIM, Trick
from tests.issuer import CLAIM, Issuer, running_issuer
from tests.live import SCRIPTS, RunningServer

EXAMPLE = Path(__file__).parents[2] / "examples" / "tenants"
SECRET, OWN = "order-of-the-victim", "order-of-the-attacker"
ATTACKER = "globex"
OTHER_VICTIMS = ("initech", "snitech", "kelvin")
REFUSED = b'{"message":"There is nothing here for you, or a parameter is wrong."}'
OWN_KEY = RSAKey.generate_key(2048, {"kid": "one"}, auto_kid=False)
QUESTIONS = ("", "?filter=order&limit=10", "?limit=1", "?filter=%22order-of%22")


class Answer:
    """What came over the wire, whole."""

    def __init__(self, status: int, head: str, body: bytes) -> None:
        self.status = status
        self.text = head + body.decode("utf-8", "replace")
        self.body = body

    def messages(self) -> list[str]:
        assert self.status == 200, self.text
        return [event["message"] for event in json.loads(self.body)["events"]]


class Stage:
    """The deployed example, with what each side knows."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.api = ""
        self.words: dict[str, str] = {}
        self._trust = ssl.create_default_context(cafile=server.data / "tls" / "ca.pem")

    def filled(self, text: str) -> str:
        for word, value in self.words.items():
            text = text.replace(f"<{word}>", value)
        return text

    def send(self, trick: Trick) -> Answer:
        """Send a request as it is, without anything that a client library would set right."""
        headers = [self.filled(each) for each in trick.headers]
        if not any(each.startswith("Host:") for each in headers):
            headers.insert(0, f"Host: 127.0.0.1:{self.server.gateway_port}")
        body = self.filled(trick.body.decode("latin-1")).encode("latin-1")
        if body or trick.method == "POST":
            headers.append(f"Content-Length: {len(body)}")
        line = f"{trick.method} /{self.api}/v1{self.filled(trick.path)} HTTP/1.1"
        head = "\r\n".join([line, *headers, "Connection: close", "", ""])
        address = ("127.0.0.1", self.server.gateway_port)
        with (
            socket.create_connection(address, timeout=30) as plain,
            self._trust.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
        ):
            connection.sendall(head.encode("utf-8") + body)
            answer = http.client.HTTPResponse(connection, method=trick.method.upper())
            answer.begin()
            return Answer(answer.status, str(answer.headers), answer.read())

    def get(self, path: str, header: str) -> Answer:
        return self.send(Trick("", path, (header,)))


@pytest.fixture(scope="module")
def issuers():
    with running_issuer() as ours, running_issuer() as others:
        yield ours, others


@pytest.fixture(scope="module")
def stage(issuers, tmp_path_factory):
    data = tmp_path_factory.mktemp("example") / "data"
    pools = ",".join(f"us-east-1_{name}={each.url}" for name, each in zip(("customers", "other"), issuers, strict=True))
    server = RunningServer(data, "--jwt-issuers", pools).start()
    made = Stage(server)
    made.api = import_example(server)
    fill_groups(server, made)
    know(made, issuers[0])
    switch_caching_on(server, made.api)
    warm_caches(made, issuers[0])
    assert late_events_are_not_seen(made, issuers[0])
    yield made
    assert server.stop() == 0, server.output.read_text()


def import_example(server: RunningServer) -> str:
    policy = f"customers-reader={EXAMPLE / 'role-policy.json'}"
    command = [SCRIPTS / "groundwatch", "import-api", EXAMPLE / "api.yaml", "--no-key", "--policy", policy]
    environment = {**server.environment(), "GROUNDWATCH_DATA": str(server.data), "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    apis = server.client("apigateway").get_rest_apis()["items"]
    return next(api["id"] for api in apis if api["name"] == "customers")


def fill_groups(server: RunningServer, stage: Stage) -> None:
    gateway, logs = server.client("apigateway"), server.client("logs")
    keys = {name: gateway.create_api_key(name=name, enabled=name != "disabled") for name in
            ("acme", ATTACKER, "elsewhere", "planless", "disabled")}  # fmt: skip
    plan = gateway.create_usage_plan(name="plan", apiStages=[{"apiId": stage.api, "stage": "v1"}])["id"]
    other = gateway.create_usage_plan(name="other")["id"]
    for name, where in (("acme", plan), (ATTACKER, plan), ("disabled", plan), ("elsewhere", other)):
        gateway.create_usage_plan_key(usagePlanId=where, keyId=keys[name]["id"], keyType="API_KEY")
    stage.words |= {name: keys[name]["value"] for name in ("elsewhere", "planless", "disabled")}
    stage.words |= {"api": stage.api, "key": keys[ATTACKER]["value"], "victim-id": keys["acme"]["id"]}
    stage.words["victim-key"] = keys["acme"]["value"]
    victims = [f"/customers/{name}/app" for name in (VICTIM, *OTHER_VICTIMS)]
    victims += [f"/customers/key-{keys[name]['id']}" for name in keys if name != ATTACKER]
    victims += ["/customers/acme", "/customers/app", "/customers", "/app", "/customers//app", "/operators/app"]
    for group in victims:
        fill(logs, group, SECRET)
    for group in (f"/customers/{ATTACKER}/app", f"/customers/key-{keys[ATTACKER]['id']}"):
        fill(logs, group, OWN)


def fill(logs, group: str, message: str) -> None:
    now_ms = int(time.time() * 1000)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="web")
    events = [{"timestamp": now_ms + n, "message": message} for n in range(3)]
    logs.put_log_events(logGroupName=group, logStreamName="web", logEvents=events)


def know(stage: Stage, issuer) -> None:
    """Give the attacker what a victim may have shown: a token that is over, and tokens of pages."""
    now_s = int(time.time())
    victim = f"Authorization: {issuer.token(VICTIM)}"
    stage.words["token"] = issuer.token(ATTACKER)
    stage.words["expired"] = issuer.token(VICTIM, iat=now_s - 900, exp=now_s - 600)
    page = json.loads(stage.get(f"{EVENTS}?limit=1", victim).body)
    stream = json.loads(stage.get(f"{STREAM}?limit=1", victim).body)
    stage.words |= {"page": page["next"], "forward": stream["newer"], "backward": stream["older"]}


def switch_caching_on(server: RunningServer, api: str) -> None:
    patches = {"/cacheClusterEnabled": "true", "/cacheClusterSize": "0.5", "/*/*/caching/enabled": "true"}
    patches["/*/*/caching/ttlInSeconds"] = "3600"
    operations = [{"op": "replace", "path": path, "value": value} for path, value in patches.items()]
    server.client("apigateway").update_stage(restApiId=api, stageName="v1", patchOperations=operations)


def warm_caches(stage: Stage, issuer) -> None:
    """Have the victim ask everything that an attacker may ask later."""
    for question in QUESTIONS:
        for path, header in victim_sides(stage, issuer):
            assert SECRET in stage.get(path + question, header).text


def late_events_are_not_seen(stage: Stage, issuer) -> bool:
    """Tell whether the victim's answers come from the cache."""
    group = f"/customers/{VICTIM}/app"
    late = [{"timestamp": int(time.time() * 1000), "message": "late"}]
    stage.server.client("logs").put_log_events(logGroupName=group, logStreamName="web", logEvents=late)
    path, header = victim_sides(stage, issuer)[0]
    return "late" in stage.get(f"{path}?limit=9", header).text and "late" not in stage.get(path, header).text


def victim_sides(stage: Stage, issuer) -> list[tuple[str, str]]:
    token = f"Authorization: {issuer.token(VICTIM, iat=1, exp=4102444800)}"
    return [(EVENTS, token), (STREAM, token), (KEYED, f"x-api-key: {stage.words['victim-key']}")]


def assert_honest_requests_work(stage: Stage, issuer) -> None:
    for path, header in ((EVENTS, TOKEN[0]), (KEYED, "x-api-key: <key>")):
        assert set(stage.get(path, header).messages()) == {OWN}
    for path, header in victim_sides(stage, issuer):
        # From the cache, and past it: neither was poisoned.
        assert set(stage.get(path, header).messages()) == {SECRET}
        assert set(stage.get(f"{path}?end=4102444800000", header).messages()) <= {SECRET, "late"}


@pytest.mark.parametrize("trick", [pytest.param(trick, id=trick.name) for trick in TRICKS])
def test_a_request_shows_only_what_is_the_caller_s(trick, stage):
    answer = stage.send(trick)
    assert SECRET not in answer.text
    assert answer.status < 500 or answer.status in (501, 505), answer.text
    assert set(stage.get(EVENTS, TOKEN[0]).messages()) == {OWN}


@pytest.mark.parametrize("claim", LOOKALIKES, ids=ascii)
def test_a_name_that_looks_like_the_victim_s_is_another_one(claim, stage, issuers):
    claim = stage.filled(claim) if isinstance(claim, str) else claim
    header = f"Authorization: {issuers[0].token(claim)}"
    for trick in (
        Trick("", EVENTS, (header,)),
        Trick("", f"{STREAM}?limit=1", (header,)),
        Trick("", SEARCH, (header, "Content-Type: application/json"), "POST", b"{}"),
    ):
        answer = stage.send(trick)
        assert SECRET not in answer.text
        assert (answer.status, answer.body) == (400, REFUSED)


def forged(make: Callable[[Issuer, Issuer], str], name: str):
    return pytest.param(make, id=name)


def in_parts(header: object, claims: object, signature: bytes = b"") -> str:
    texts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(text).rstrip(b"=").decode() for text in texts)


def said(issuer: Issuer) -> dict[str, object]:
    return {
        "iss": issuer.url,
        "sub": "x",
        "aud": "app",
        "token_use": "id",
        "exp": int(time.time()) + 300,
        CLAIM: VICTIM,
    }


def with_shared_secret(issuer: Issuer) -> str:
    """Sign with the public key, which everybody has, as if it were a secret."""
    unsigned = in_parts({"alg": "HS256", "kid": "one"}, said(issuer)).removesuffix(".")
    digest = hmac.digest(issuer.key.as_pem(private=False), unsigned.encode(), "sha256")
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_other_claims(issuer: Issuer, changes: Callable[[str], str]) -> str:
    """Change what a token says, and leave its signature."""
    header, claims, signature = issuer.token(ATTACKER).split(".")
    text = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)).decode()
    changed = base64.urlsafe_b64encode(changes(text).encode()).rstrip(b"=").decode()
    return f"{header}.{changed}.{signature}"


def with_own_key(issuer: Issuer, **header: object) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one", **header}, said(issuer), OWN_KEY)


FORGED = [
    forged(lambda ours, _: in_parts({"alg": "none"}, said(ours)), "without signature"),
    forged(lambda ours, _: in_parts({"alg": "None", "kid": "one"}, said(ours)), "without signature, spelled otherwise"),
    forged(lambda ours, _: in_parts({"alg": "RS256", "kid": "one"}, said(ours)), "an empty signature"),
    forged(lambda ours, _: in_parts({"alg": "RS256", "kid": "one"}, said(ours), bytes(256)), "zeros for a signature"),
    forged(lambda ours, _: with_shared_secret(ours), "the public key as a shared secret"),
    forged(lambda ours, _: with_other_claims(ours, lambda text: text.replace(ATTACKER, VICTIM)), "another name"),
    forged(
        lambda ours, _: with_other_claims(ours, lambda text: text[:-1] + f',"{CLAIM}":"{VICTIM}"}}'), "the claim twice"
    ),
    forged(lambda ours, _: with_own_key(ours), "a key of one's own"),
    forged(lambda ours, _: with_own_key(ours, jwk=OWN_KEY.as_dict(private=False)), "a key that the token brings along"),
    forged(lambda ours, others: with_own_key(ours, jku=f"{others.url}/keys"), "the address of another's keys"),
    forged(lambda ours, _: with_own_key(ours, kid="../../dev/null"), "a path for a key id"),
    forged(lambda ours, _: with_own_key(ours, kid=""), "no key id"),
    forged(lambda _, others: others.token(VICTIM), "of another pool of this server"),
    forged(lambda ours, others: others.token(VICTIM, iss=ours.url), "another pool's, in the name of this one"),
    forged(lambda ours, others: others.token(VICTIM, iss=[others.url, ours.url]), "of two issuers"),
    forged(lambda ours, _: ours.token(VICTIM, iss=f"{ours.url}/"), "almost the issuer"),
    forged(lambda ours, _: ours.token(VICTIM, exp=int(time.time()) - 60), "over"),
    forged(lambda ours, _: ours.token(VICTIM, exp=None), "without end"),
    forged(lambda ours, _: ours.token(VICTIM, nbf=int(time.time()) + 600), "not yet"),
    forged(lambda ours, _: ours.token(VICTIM, token_use="access"), "an access token"),
    forged(lambda ours, _: ours.token(VICTIM)[:-1], "cut short"),
    forged(lambda ours, _: f"{ours.token(VICTIM)}A", "too long"),
    forged(lambda ours, _: ".".join(ours.token(VICTIM).split(".")[:2]), "without its last part"),
]


@pytest.mark.parametrize("make", FORGED)
def test_a_token_that_is_not_good_shows_nothing(make, stage, issuers):
    token = make(*issuers)
    for header in (f"Authorization: {token}", f"Authorization: Bearer {token}"):
        for path in (EVENTS, STREAM):
            answer = stage.get(path, header)
            assert (answer.status, SECRET in answer.text) == (401, False), answer.text


def test_a_test_invocation_is_no_way_in(stage):
    """It goes round authorizers, and so has no claim; and customers cannot ask for one."""
    gateway = stage.server.client("apigateway")
    resources = {each["path"]: each["id"] for each in gateway.get_resources(restApiId=stage.api, limit=100)["items"]}
    claims = {"Authorization": stage.words["expired"], CLAIM: VICTIM, "x-api-key": stage.words["victim-id"]}
    for path in (EVENTS, KEYED):
        query = f"{path}?{CLAIM}={VICTIM}&apiKeyId={stage.words['victim-id']}"
        place = {"restApiId": stage.api, "resourceId": resources[path], "httpMethod": "GET"}
        tried = gateway.test_invoke_method(**place, pathWithQueryString=query, headers=claims)
        assert (tried["status"], SECRET in json.dumps(tried, default=str)) == (400, False)
        address = f"/restapis/{stage.api}/resources/{resources[path]}/methods/GET"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{stage.server.service_url}{address}", b"{}", timeout=10)
        assert stage.server.get(address, method="POST").status in (403, 404)


def test_after_all_that_everyone_still_reads_what_is_theirs(stage, issuers):
    assert_honest_requests_work(stage, issuers[0])
