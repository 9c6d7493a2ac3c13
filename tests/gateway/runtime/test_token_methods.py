"""`COGNITO_USER_POOLS` and `JWT`: whose tokens count, what they must say, and how keys are fetched and kept."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from groundwatch.aws.context import Principal, RequestContext
from groundwatch.gateway.authorizers.issuers import Issuer
from groundwatch.gateway.authorizers.key_sets import KeySets
from groundwatch.gateway.definition import (
    Authorizer,
    ClaimRule,
    IntegrationResponse,
    JwtConfiguration,
    MethodSetting,
    TokenIssuer,
)
from groundwatch.gateway.testing import TestRequest

ACCOUNT = "123456789012"
NOW_S = 1_700_000_000
ISSUER = "http://login.localhost/realms/main"
POOL = f"arn:aws:cognito-idp:eu-west-1:{ACCOUNT}:userpool/eu-west-1_local"
AWS_POOL = f"arn:aws:cognito-idp:eu-west-1:{ACCOUNT}:userpool/eu-west-1_aws"
AWS_ISSUER = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aws"
RSA = RSAKey.generate_key(2048, {"kid": "rsa"}, auto_kid=False)
NEXT = RSAKey.generate_key(2048, {"kid": "next"}, auto_kid=False)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, auto_kid=False)
SOURCE = "method.request.header.Authorization"
CLAIMS = {"iss": ISSUER, "sub": "ann", "aud": "app", "token_use": "id", "exp": NOW_S + 300, "iat": NOW_S - 10}
OPEN = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "*"}]})  # fmt: skip
SILENT = OPEN.replace('"Resource": "*"', '"Resource": "arn:aws:execute-api:*:*:*/other"')


def token(claims=(), *, key=RSA, alg="RS256", kid="rsa", **header):
    members = {"alg": alg, **({"kid": kid} if kid else {}), **header}
    return jwt.encode(members, {**CLAIMS, **dict(claims)}, key, algorithms=[alg])


def raw(header=None, claims=CLAIMS):
    """A token that is signed well, whatever it says."""
    texts = [
        json.dumps(header or {"alg": "RS256", "kid": "rsa"}),
        claims if isinstance(claims, str) else json.dumps(claims),
    ]
    signed = ".".join(base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in texts)
    signature = RSA.private_key.sign(signed.encode(), PKCS1v15(), SHA256())
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def without(name):
    claims = {key: value for key, value in CLAIMS.items() if key != name}
    return jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, RSA)


def publish(web, *keys, issuer=ISSUER, name=None):
    web.documents[f"{issuer}/.well-known/openid-configuration"] = {
        "issuer": name or issuer,
        "jwks_uri": f"{issuer}/keys",
    }
    web.documents[f"{issuer}/keys"] = {"keys": [key.as_dict(private=False) for key in keys]}


@pytest.fixture
def pool(make_gateway, mock):
    """A gateway whose method is for tokens of a user pool."""

    def make(*, scopes=(), policy=None, keys=(RSA, EC), **changes):
        given = {"provider_arns": [POOL], "identity_source": SOURCE, **changes}
        authorizer = Authorizer("auth12", "pool", "COGNITO_USER_POOLS", **given)
        template = '{"sub":"$context.authorizer.claims.sub"}'
        response = IntegrationResponse("200", response_templates={"application/json": template})
        method = mock(
            authorization_type="COGNITO_USER_POOLS",
            authorizer_id="auth12",
            authorization_scopes=list(scopes),
            integration={"responses": {"200": response}},
        )
        gateway = make_gateway({"/": method}, authorizers={"auth12": authorizer}, policy=policy)
        publish(gateway.web, *keys)
        return gateway

    return make


async def send(gateway, value):
    return await gateway.request("/", headers={} if value is None else {"Authorization": value})


GOOD = [
    pytest.param(token(), id="an identity token"),
    pytest.param(raw(), id="made by hand"),
    pytest.param(raw({"alg": "RS256", "kid": "rsa", "typ": "at+jwt", "x5c": ["x" * 2000]}), id="other header members"),
    pytest.param(f"Bearer {token()}", id="with its scheme"),
    pytest.param(f"bearer  {token()}", id="the scheme in any case"),
    pytest.param(token(key=EC, alg="ES256", kid="ec"), id="an elliptic curve"),
    pytest.param(token(alg="PS256"), id="another algorithm of the same key"),
    pytest.param(token(kid=None), id="no key id, and only one key of the type"),
    pytest.param(without("token_use"), id="an issuer that does not say what tokens are for"),
    pytest.param(token({"exp": NOW_S - 20}), id="over within the skew"),
    pytest.param(token({"iat": NOW_S + 20, "nbf": NOW_S + 20}), id="made within the skew"),
]


@pytest.mark.parametrize("value", GOOD)
async def test_a_good_token(value, pool):
    gateway = pool()
    answer = await send(gateway, value)
    assert gateway.entries[0].authorizer_principal == "ann"
    assert answer.status == 200
    assert json.loads(answer.body)["sub"] == "ann"


def unsigned():
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "kid": "rsa"}, CLAIMS))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


def confused():
    # The public key, which everybody has, as a shared secret; the library itself refuses to do this.
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "rsa"}, CLAIMS))
    signed = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    digest = hmac.digest(RSA.as_pem(private=False), signed.encode(), "sha256")
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def tampered():
    header, _, signature = token().split(".")
    claims = base64.urlsafe_b64encode(json.dumps({**CLAIMS, "sub": "root"}).encode()).rstrip(b"=").decode()
    return f"{header}.{claims}.{signature}"


@pytest.mark.parametrize("make", [unsigned, confused, tampered])
async def test_a_token_that_nobody_signed(make, pool):
    answer = await send(pool(), make())
    assert (answer.status, answer.body) == (401, '{"message":"Unauthorized"}')


BAD = [
    pytest.param(None, id="no header"),
    pytest.param("", id="an empty one"),
    pytest.param("Bearer ", id="a scheme without token"),
    pytest.param("x", id="no token"),
    pytest.param("a.b.c", id="the shape of one"),
    pytest.param(f"Basic {token()}", id="another scheme"),
    pytest.param(token({"iss": f"{ISSUER}/"}), id="almost the issuer"),
    pytest.param(token({"iss": "http://evil.example"}), id="another issuer"),
    pytest.param(token({"iss": [ISSUER]}), id="a list of issuers"),
    pytest.param(without("exp"), id="no end"),
    pytest.param(token({"exp": "never"}), id="an end that is none"),
    pytest.param(token({"nbf": NOW_S + 60}), id="not yet"),
    pytest.param(token({"iat": NOW_S + 60}), id="made in the future"),
    pytest.param(token({"token_use": "access"}), id="an access token without scopes"),
    pytest.param(token(key=NEXT), id="signed with another key under the same id"),
    pytest.param(token(kid="ec"), id="signed for a key of another type"),
    pytest.param(token(jwk=NEXT.as_dict(private=False), key=NEXT, kid="n"), id="a key in the header is not used"),
    pytest.param("x" * 9000, id="very long"),
    pytest.param(".".join(["e30"] * 2500), id="very many parts"),
    pytest.param(f"{token()}.e30", id="a fourth part"),
    pytest.param(".".join([*token().split(".")[:2], ""]), id="no signature"),
    pytest.param(".".join([*token().split(".")[:2], "%%%%"]), id="a signature that is no base64"),
    pytest.param(f".{token().partition('.')[2]}", id="no header"),
    pytest.param(f"!!!!.{token().partition('.')[2]}", id="a header that is no base64"),
    pytest.param(f"WzFd.{token().partition('.')[2]}", id="a header that is a list"),
    pytest.param(f"e30.{token().partition('.')[2]}", id="a header without algorithm"),
    pytest.param(token().replace(".", ". "), id="blanks inside"),
    pytest.param(f"{token()}=", id="padding"),
    pytest.param(f"Bearer {token()}, Bearer {token()}", id="two in one header"),
    pytest.param(f"Bearer Bearer {token()}", id="its scheme twice"),
    pytest.param(raw({"alg": "RS256", "kid": 5}), id="a key id that is no text"),
    pytest.param(raw({"alg": "RS256", "kid": "rsa", "crit": ["exp"]}), id="critical members"),
    pytest.param(raw({"alg": ["RS256"], "kid": "rsa"}), id="a list of algorithms"),
    pytest.param(raw({"alg": "rs256", "kid": "rsa"}), id="an algorithm in another case"),
    pytest.param(raw({"alg": "RS256", "kid": "rsa", "b64": False}), id="a payload that is not encoded"),
    pytest.param(raw(claims={**CLAIMS, "exp": True}), id="an end that is true"),
    pytest.param(raw(claims=json.dumps(CLAIMS).replace(str(NOW_S + 300), "1e400")), id="an end beyond all numbers"),
    pytest.param(raw(claims="null"), id="claims that are null"),
    pytest.param(raw(claims=""), id="no claims"),
    pytest.param(token({"iss": None}), id="no issuer"),
    pytest.param(token({"nbf": "soon"}), id="a begin that is none"),
    pytest.param(jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, b"\xff{}", RSA), id="claims that are no text"),
    pytest.param(
        jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, b"[" * 4000, RSA), id="claims that are too deep"
    ),
    pytest.param(jws.serialize_compact({"alg": "RS256", "kid": "rsa"}, b'["iss"]', RSA), id="claims that are a list"),
]


@pytest.mark.parametrize("value", BAD)
async def test_a_bad_token(value, pool):
    answer = await send(pool(), value)
    assert (answer.status, answer.body) == (401, '{"message":"Unauthorized"}')
    assert answer.headers["x-amzn-errortype"] == "UnauthorizedException"


async def test_an_expired_token(pool):
    answer = await send(pool(), token({"exp": NOW_S - 31}))
    assert (answer.status, answer.body) == (401, '{"message":"The incoming token has expired"}')
    assert answer.headers["x-amzn-errortype"] == "UnauthorizedException"


async def test_an_expired_token_of_nobody_is_not_told_apart(pool):
    assert (await send(pool(), token({"exp": NOW_S - 31}, key=NEXT))).body == '{"message":"Unauthorized"}'


TWICE = [
    pytest.param("x.y.z", token(), id="a good one last"),
    pytest.param(token(), "x.y.z", id="a bad one last"),
    pytest.param(token(), token(), id="two good ones"),
]


@pytest.mark.parametrize(("first", "last"), TWICE)
async def test_two_tokens_are_none(first, last, pool):
    """A backend that both are passed on to may read the one that nobody verified."""
    answer = await pool().request("/", headers={"Authorization": first, "authorization": last})
    assert (answer.status, answer.body) == (401, '{"message":"Unauthorized"}')


async def test_a_token_beyond_the_limit_of_headers(pool):
    assert (await send(pool(), token({"pad": "x" * 10_000}))).status == 431


SCOPES = [
    pytest.param({"token_use": "access", "scope": "x a/read"}, 200, id="one of the scopes"),
    pytest.param({"token_use": None, "scp": ["a/read"]}, 200, id="scopes as a list"),
    pytest.param({"token_use": "access", "scope": "a/readx"}, 401, id="almost the scope"),
    pytest.param({"token_use": "access"}, 401, id="no scope"),
    pytest.param({"token_use": "id", "scope": "a/read"}, 401, id="an identity token"),
]


@pytest.mark.parametrize(("claims", "status"), SCOPES)
async def test_scopes(claims, status, pool):
    assert (await send(pool(scopes=["a/read", "a/write"]), token(claims))).status == status


AUDIENCES = [
    pytest.param({"aud": "app"}, 200, id="the audience"),
    pytest.param({"aud": ["other", "app"]}, 200, id="one of several"),
    pytest.param({"aud": "apps"}, 401, id="the whole of it must match"),
    pytest.param({"aud": None}, 401, id="none"),
]


@pytest.mark.parametrize(("claims", "status"), AUDIENCES)
async def test_the_validation_expression_is_about_the_audience(claims, status, pool):
    assert (await send(pool(identity_validation_expression="app"), token(claims))).status == status


SHOWN = [
    pytest.param("exp", 1_700_000_300, "Tue Nov 14 22:18:20 UTC 2023", id="times as dates"),
    pytest.param("email_verified", True, "true", id="booleans"),
    pytest.param("cognito:groups", ["a", "b"], "a,b", id="lists"),
    pytest.param("address", {"a": 1}, '{"a":1}', id="objects"),
]


@pytest.mark.parametrize(("name", "value", "shown"), SHOWN)
async def test_claims_are_texts(name, value, shown, make_gateway, mock):
    authorizer = Authorizer("auth12", "pool", "COGNITO_USER_POOLS", [POOL], identity_source=SOURCE)
    template = f'{{"shown":"$util.escapeJavaScript($context.authorizer.claims[\'{name}\'])"}}'
    response = IntegrationResponse("200", response_templates={"application/json": template})
    method = mock(
        authorization_type="COGNITO_USER_POOLS", authorizer_id="auth12", integration={"responses": {"200": response}}
    )
    gateway = make_gateway({"/": method}, authorizers={"auth12": authorizer})
    publish(gateway.web, RSA)
    assert json.loads((await send(gateway, token({name: value}))).body) == {"shown": shown}


POLICIES = [
    pytest.param(OPEN, token(), 200, id="token and policy"),
    pytest.param(SILENT, token(), 403, id="a policy that is silent closes"),
    pytest.param(OPEN, None, 401, id="a policy is no token"),
]


@pytest.mark.parametrize(("policy", "value", "status"), POLICIES)
async def test_the_policy_of_the_api_must_allow_too(policy, value, status, pool):
    assert (await send(pool(policy=policy), value)).status == status


async def test_the_log_of_a_stage_tells_of_the_authorizer_and_not_the_token(pool):
    gateway = pool()
    settings = {"*/*": MethodSetting(logging_level="INFO", data_trace_enabled=True)}
    gateway.catalog.set_stage(method_settings=settings)
    for value in (token(), token({"aud": None, "exp": 5})):
        await send(gateway, f"Bearer {value}")
    (events,) = gateway.app.stage_logs._queued.values()
    lines = [line.partition(") ")[2] for _, line in events]
    assert [line.partition(":")[0] for line in lines if "uthori" in line][:2] == [
        "Starting authorizer",
        "Successfully completed authorizer execution",
    ]
    assert lines[-3].startswith("Execution failed: The incoming token has expired")
    assert lines[-2].startswith("Unauthorized request: ")
    assert token()[:40] not in str(lines)


# --- keys ---


async def test_a_pool_of_amazon_has_its_own_issuer(pool):
    gateway = pool(provider_arns=[AWS_POOL, POOL])
    publish(gateway.web, RSA, issuer=AWS_ISSUER)
    assert (await send(gateway, token({"iss": AWS_ISSUER}))).status == 200
    assert gateway.web.asked == [f"{AWS_ISSUER}/.well-known/openid-configuration", f"{AWS_ISSUER}/keys"]


async def test_keys_are_kept_and_fetched_again_after_their_time(pool):
    gateway = pool()
    for _ in range(3):
        await send(gateway, token())
    assert len(gateway.web.asked) == 2
    gateway.clock.now_ms += 10 * 60_000
    assert (await send(gateway, token({"exp": NOW_S + 9000}))).status == 200
    assert len(gateway.web.asked) == 4


async def test_a_new_key_is_found_but_not_looked_for_at_every_request(pool):
    gateway = pool()
    await send(gateway, token())
    publish(gateway.web, NEXT)
    renewed = token(key=NEXT, kid="next")
    assert (await send(gateway, renewed)).status == 401
    gateway.clock.now_ms += 30_000
    assert (await send(gateway, renewed)).status == 200
    # The issuer took the old key back, so what it signed counts no longer.
    assert (await send(gateway, token())).status == 401
    asked = len(gateway.web.asked)
    for number in range(20):
        assert (await send(gateway, token(key=NEXT, kid=f"unknown{number}"))).status == 401
    assert len(gateway.web.asked) == asked


async def test_tokens_that_come_at_once_fetch_keys_once(pool):
    gateway = pool()
    answers = await asyncio.gather(*(send(gateway, token()) for _ in range(10)))
    assert [answer.status for answer in answers] == [200] * 10
    assert len(gateway.web.asked) == 2


@pytest.mark.parametrize("turns", range(10))
async def test_who_leaves_while_keys_are_fetched_takes_them_from_nobody(turns, pool):
    web = pool().web

    async def fetch(url):
        await asyncio.sleep(0)
        return await web.fetch(url)

    keys, issuer = KeySets(fetch, fetch, lambda: NOW_S * 1000), Issuer(ISSUER, trusted=True)
    asking = asyncio.ensure_future(keys.find(issuer, "rsa", "RSA"))
    for _ in range(turns):
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert await keys.find(issuer, "rsa", "RSA") is not None


async def test_old_keys_serve_while_the_issuer_does_not_answer(pool):
    gateway = pool()
    await send(gateway, token())
    gateway.web.documents.clear()
    long = token({"exp": NOW_S + 90_000})
    gateway.clock.now_ms += 69 * 60_000
    assert (await send(gateway, long)).status == 200
    gateway.clock.now_ms += 60_000
    answer = await send(gateway, long)
    assert (answer.status, answer.body) == (500, '{"message":null}')
    assert answer.headers["x-amzn-errortype"] == "AuthorizerFailureException"


UNUSABLE = [
    pytest.param("openid-configuration", None, id="no discovery document"),
    pytest.param("openid-configuration", {"issuer": "http://evil.example", "jwks_uri": f"{ISSUER}/keys"}, id="another"),
    pytest.param("openid-configuration", {"issuer": ISSUER}, id="one without keys"),
    pytest.param("openid-configuration", {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"}, id="keys of a file"),
    pytest.param("openid-configuration", {"issuer": ISSUER, "jwks_uri": "https://[::1"}, id="keys nowhere"),
    pytest.param("keys", {"keys": []}, id="no key"),
    pytest.param("keys", {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"}]}, id="a shared secret"),
    pytest.param("keys", {"keys": [{**RSA.as_dict(private=False), "use": "enc"}]}, id="a key for encryption"),
    pytest.param("keys", {"keys": [{"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}]}, id="a short key"),
    pytest.param("keys", [], id="no key set"),
]


@pytest.mark.parametrize(("which", "document"), UNUSABLE)
async def test_issuers_without_usable_keys(which, document, pool):
    gateway = pool()
    place = f"{ISSUER}/keys" if which == "keys" else f"{ISSUER}/.well-known/openid-configuration"
    gateway.web.documents[place] = document
    if document is None:
        del gateway.web.documents[place]
    for _ in range(3):
        assert (await send(gateway, token())).status == 500
    assert len(gateway.web.asked) <= 2


async def test_a_key_for_one_algorithm_serves_no_other(pool):
    gateway = pool()
    gateway.web.documents[f"{ISSUER}/keys"] = {"keys": [{**RSA.as_dict(private=False), "alg": "RS512"}]}
    assert (await send(gateway, token())).status == 401
    assert (await send(gateway, token(alg="RS512"))).status == 200


async def test_an_unknown_authorizer_opens_nothing(make_gateway, mock):
    gateway = make_gateway({"/": mock(authorization_type="COGNITO_USER_POOLS", authorizer_id="gone12")})
    answer = await send(gateway, token())
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "AuthorizerConfigurationException")


# --- native ---


RULES = [ClaimRule("tenant", required=True, expected_values=["a", "b"]), ClaimRule("team", expected_values=["x"])]
NATIVE = [
    pytest.param({"tenant": "a"}, {}, 200, id="all there"),
    pytest.param({"tenant": "c"}, {}, 401, id="another value"),
    pytest.param({}, {}, 401, id="a required claim is missing"),
    pytest.param({"tenant": ["a"]}, {}, 401, id="a list is no text"),
    pytest.param({"tenant": "a", "team": "y"}, {}, 401, id="a claim that need not be there is wrong"),
    pytest.param({"tenant": "a", "aud": ["app", "x"]}, {}, 200, id="one of the audiences"),
    pytest.param({"tenant": "a", "aud": "x"}, {}, 401, id="another audience"),
    pytest.param({"tenant": "a", "aud": None, "client_id": "app"}, {}, 401, id="the client is no audience here"),
    pytest.param({"tenant": "a", "token_use": "access"}, {}, 200, id="token_use does not matter"),
    pytest.param({"tenant": "a"}, {"alg": "RS512"}, 401, id="an algorithm that is not listed"),
]


@pytest.mark.parametrize(("claims", "how", "status"), NATIVE)
async def test_native_tokens(claims, how, status, make_gateway, mock):
    issuer = TokenIssuer("https://login.example.com", ["app"], RULES)
    authorizer = Authorizer(
        "auth12", "jwt", "JWT", identity_source=SOURCE, jwt_configuration=JwtConfiguration([issuer], ["RS256", "HS256"])
    )
    gateway = make_gateway(
        {"/": mock(authorization_type="JWT", authorizer_id="auth12")}, authorizers={"auth12": authorizer}
    )
    publish(gateway.web, RSA, issuer=issuer.issuer)
    answer = await send(gateway, token({"iss": issuer.issuer, **claims}, **how))
    assert answer.status == status


# --- tests of authorizers ---

CONTEXT = RequestContext(
    ACCOUNT, "eu-west-1", "r", Principal(ACCOUNT, "arn", "User", "u"), "203.0.113.7", "cli", True, 0
)
NATIVE_ISSUER = "https://login.example.com"
POOL_AUTHORIZER = Authorizer("auth12", "pool", "COGNITO_USER_POOLS", provider_arns=[POOL], identity_source=SOURCE)
NATIVE_AUTHORIZER = Authorizer(
    "auth12",
    "jwt",
    "JWT",
    identity_source=SOURCE,
    jwt_configuration=JwtConfiguration([TokenIssuer(NATIVE_ISSUER, ["app"])], ["RS256"]),
)
TESTED = [
    pytest.param(POOL_AUTHORIZER, token(), 200, id="a user pool"),
    pytest.param(POOL_AUTHORIZER, token({"exp": NOW_S - 100}), 401, id="an old token"),
    pytest.param(POOL_AUTHORIZER, token({"token_use": "access"}), 401, id="access tokens cannot be tested"),
    pytest.param(POOL_AUTHORIZER, None, 401, id="no token"),
    pytest.param(NATIVE_AUTHORIZER, token({"iss": NATIVE_ISSUER}), 200, id="an issuer"),
    pytest.param(NATIVE_AUTHORIZER, token({"iss": NATIVE_ISSUER, "aud": "x"}), 401, id="another audience"),
]


@pytest.mark.parametrize(("authorizer", "value", "status"), TESTED)
async def test_a_test_shows_the_claims(authorizer, value, status, make_gateway, mock):
    gateway = make_gateway({"/": mock()}, authorizers={"auth12": authorizer})
    publish(gateway.web, RSA)
    publish(gateway.web, RSA, issuer=NATIVE_ISSUER)
    request = TestRequest(headers={} if value is None else {"Authorization": f"Bearer {value}"})
    api = gateway.catalog.deployed.api
    result = await gateway.app.test_invoker.test_authorizer(api, authorizer, request, CONTEXT)
    assert (result.client_status, result.claims.get("sub")) == (status, "ann" if status == 200 else None)
    assert "Starting authorizer: auth12 for request: " in result.log
    assert (f"Unauthorized request: {result.log.splitlines()[0].split()[-1]}" in result.log) == (status == 401)
