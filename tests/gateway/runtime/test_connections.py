"""HTTP integrations through VPC links, and with the client certificate of the stage."""

from __future__ import annotations

import datetime as dt
import ssl

import pytest

from groundwatch import tls
from groundwatch.aws.context import Principal, RequestContext
from groundwatch.gateway.connections.generation import generate
from groundwatch.gateway.connections.private import PrivateConnections
from groundwatch.gateway.connections.values import ClientCertificate, VpcLink
from groundwatch.gateway.definition import Integration, IntegrationResponse, Method, MethodResponse
from groundwatch.gateway.store_sql import Place
from groundwatch.gateway.testing import TestRequest
from groundwatch.outbound import OutboundClient, OutboundRules

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARN = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/inner/1"
CONTEXT = RequestContext(ACCOUNT, REGION, "r", Principal(ACCOUNT, "arn", "User", "u"), "203.0.113.7", "cli", True, 0)
NOW_MS = 1_700_000_000_000


class Kept:
    """Values of one tenant by id."""

    def __init__(self, *values):
        self.values = {(Place(ACCOUNT, REGION), value.id): value for value in values}

    async def find(self, place, value_id):
        return self.values.get((place, value_id))


def link(link_id, arn=ARN):
    return VpcLink(link_id, "inner", ACCOUNT, REGION, 0, [arn])


@pytest.fixture(scope="module")
def identity():
    made = generate(int(dt.datetime.now(dt.UTC).timestamp() * 1000))
    return ClientCertificate("cert12", ACCOUNT, REGION, made.certificate_pem, made.key_pem, 0, made.expires_ms)


@pytest.fixture
async def make_private():
    client = OutboundClient(OutboundRules(everywhere=True))

    def make(origin, *certificates):
        links = Kept(link("link12"), link("nowhere", ARN + "2"))
        return PrivateConnections(links, Kept(*certificates), {ARN: origin}, client)

    yield make
    await client.close()


@pytest.fixture
def make_linked(make_gateway, make_private):
    def make(origin, *, private=True, stage=None, certificates=(), **settings):
        defaults = {
            "type": "HTTP_PROXY",
            "http_method": "ANY",
            "uri": "http://inner.test:81/base?fixed=1",
            "connection_type": "VPC_LINK",
            "connection_id": "link12",
            "responses": {"200": IntegrationResponse("200")},
        }
        method = Method(
            "GET", responses={"200": MethodResponse("200")}, integration=Integration(**(defaults | settings))
        )
        gateway = make_gateway(
            {"/": method},
            variables={"link": "link12"},
            private=make_private(origin, *certificates) if private else None,
        )
        gateway.catalog.set_stage(**(stage or {}))
        return gateway

    return make


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
async def test_a_link_leads_to_what_the_operator_says(make_linked, web_server, kind):
    gateway = make_linked(web_server.url, type=kind)
    answer = await gateway.request("/?q=2" if kind == "HTTP_PROXY" else "/")
    assert (answer.status, answer.body) == (200, '{"ok":true}')
    (request,) = web_server.received
    assert request.target == ("/base?fixed=1&q=2" if kind == "HTTP_PROXY" else "/base?fixed=1")
    assert request.values("host") == ["inner.test:81"]


async def test_a_stage_variable_names_the_link(make_linked, web_server):
    gateway = make_linked(web_server.url, connection_id="${stageVariables.link}")
    assert (await gateway.request("/")).status == 200


async def test_a_mapped_host_counts(make_linked, web_server):
    mapped = {"integration.request.header.Host": "'other.test'"}
    gateway = make_linked(web_server.url, type="HTTP", request_parameters=mapped)
    await gateway.request("/")
    assert web_server.received[0].values("host") == ["other.test"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({"connection_id": "gone12"}, "there is no VPC link gone12", id="no-link"),
        pytest.param({"connection_id": "nowhere"}, "VPC link nowhere leads nowhere", id="unmapped-target"),
        pytest.param({"connection_id": "${stageVariables.no}"}, "the VPC link's id cannot be read", id="no-variable"),
        pytest.param({"private": False}, "there are no VPC links", id="no-connections"),
    ],
)
async def test_links_that_lead_nowhere(make_linked, web_server, settings, reason):
    gateway = make_linked(web_server.url, **settings)
    answer = await gateway.request("/")
    assert (answer.status, answer.body) == (500, '{"message": "Internal server error"}')
    assert gateway.entries[-1].error_reason.startswith(reason)
    assert web_server.received == []


async def test_a_link_of_another_tenant_is_none(make_linked, web_server, make_private):
    gateway = make_linked(web_server.url)
    api = gateway.catalog.deployed.deployment.api
    assert (api.account_id, api.region) == (ACCOUNT, REGION)
    private = make_private(web_server.url)
    with pytest.raises(Exception, match="there is no VPC link link12"):
        await private.origin(Place("999999999999", REGION), "link12")


@pytest.fixture
def server_tls(tmp_path, identity):
    """A server that wants the identity, and whose own certificate nobody knows."""
    files = tls.ensure_local_certificate(tmp_path / "tls", ["127.0.0.1"], dt.datetime.now(dt.UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    context.load_verify_locations(cadata=identity.certificate_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        pytest.param({"stage": {"client_certificate_id": "cert12"}}, 200, id="presented"),
        pytest.param({}, 504, id="asked-for-and-not-presented"),
        pytest.param(
            {"stage": {"client_certificate_id": "cert12"}, "insecure_skip_verification": False},
            504,
            id="the-backend-is-verified-too",
        ),
        pytest.param({"stage": {"client_certificate_id": "gone12"}}, 500, id="no-such-certificate"),
    ],
)
async def test_backends_recognise_the_stage(make_linked, make_web_server, server_tls, identity, settings, status):
    server = await make_web_server(server_tls)
    gateway = make_linked(
        "http://unused.test",
        connection_type="INTERNET",
        connection_id=None,
        uri=server.url,
        certificates=[identity],
        **{"insecure_skip_verification": True, **settings},
    )
    for _ in range(2):
        assert (await gateway.request("/")).status == status
    # A kept connection presented the certificate once.
    assert len(server.received) == (2 if status == 200 else 0)
    assert server.connections == (1 if status == 200 else 0)


async def test_a_test_call_presents_the_certificate_that_it_names(make_linked, make_web_server, server_tls, identity):
    server = await make_web_server(server_tls)
    gateway = make_linked(server.url, insecure_skip_verification=True, certificates=[identity])
    api = gateway.catalog.deployed.api
    (resource,) = api.resources.values()
    method = resource.methods["GET"]
    for certificate_id, status in (("cert12", 200), (None, 504)):
        request = TestRequest(client_certificate_id=certificate_id)
        result = await gateway.app.test_invoker.test_invoke(api, resource, method, request, CONTEXT)
        assert result.status == status


async def test_a_certificate_goes_through_a_link_as_well(make_linked, make_web_server, server_tls, identity):
    server = await make_web_server(server_tls)
    gateway = make_linked(
        server.url,
        insecure_skip_verification=True,
        stage={"client_certificate_id": "cert12"},
        certificates=[identity],
    )
    assert (await gateway.request("/")).status == 200
    assert server.received[0].values("host") == ["inner.test:81"]


async def test_a_context_is_made_once_until_the_key_changes(make_private, identity):
    private, place = make_private("http://unused.test", identity), Place(ACCOUNT, REGION)
    first = await private.identity(place, "cert12", verify=True)
    assert await private.identity(place, "cert12", verify=True) is first
    assert await private.identity(place, "cert12", verify=False) is not first
    made = generate(NOW_MS)
    renewed = ClientCertificate("cert12", ACCOUNT, REGION, made.certificate_pem, made.key_pem, 0, made.expires_ms)
    private._certificates.values[place, "cert12"] = renewed
    assert await private.identity(place, "cert12", verify=True) is not first
