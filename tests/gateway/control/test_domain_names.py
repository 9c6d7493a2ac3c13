"""Custom domain names and base path mappings in the control plane: shapes, uniqueness, tenants, refusals."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy.exc import OperationalError
from tests.gateway.control.patches import patch
from tests.refusals import refusal

from groundwatch.gateway.operator_rules import OperatorRules

BAD, MISSING, CONFLICT, LACKING = (
    "BadRequestException",
    "NotFoundException",
    "ConflictException",
    "NotImplementedException",
)
ARN = "arn:aws:acm:us-east-1:111122223333:certificate/1"
NAME = "api.example.com"
NO_DOMAIN = (MISSING, "Invalid domain name identifier specified")
NO_MAPPING = (MISSING, "Invalid base path mapping identifier specified")


@pytest.fixture
async def domain(operations, context):
    return await operations.create_domain_name(context, domain_name=NAME)


@pytest.fixture
async def mapped(operations, context, domain, api):
    """An API on the stage `prod`, mapped to `shop` of the domain."""
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    await map_path(operations, context, api, base_path="shop", stage="prod")
    return api


async def map_path(operations, context, api, **members):
    return await operations.create_base_path_mapping(context, domain_name=NAME, rest_api_id=api.id, **members)


# --- domain names ---


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param(
            {"certificate_arn": ARN},
            {
                "certificateArn": ARN,
                "certificateUploadDate": 1_700_000_000,
                "distributionDomainName": "d-0000000001.cloudfront.localhost",
                "endpointConfiguration": {"types": ["EDGE"], "ipAddressType": "ipv4"},
            },
            id="edge",
        ),
        pytest.param(
            {
                "regional_certificate_arn": ARN,
                "endpoint_configuration": {"types": ["REGIONAL"], "ipAddressType": "dualstack"},
                "security_policy": "TLS_1_2",
                "tags": {"team": "a"},
            },
            {
                "regionalCertificateArn": ARN,
                "regionalDomainName": "d-0000000001.execute-api.us-east-1.localhost",
                "endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "dualstack"},
                "tags": {"team": "a"},
            },
            id="regional",
        ),
    ],
)
async def test_shapes(operations, context, members, expected):
    made = await operations.create_domain_name(context, domain_name=NAME, **members)
    assert made == {
        "domainName": NAME,
        "domainNameArn": f"arn:aws:apigateway:us-east-1::/domainnames/{NAME}",
        "domainNameStatus": "AVAILABLE",
        "routingMode": "BASE_PATH_MAPPING_ONLY",
        "securityPolicy": "TLS_1_2",
        **expected,
    }
    assert await operations.get_domain_name(context, domain_name=NAME) == made


@pytest.mark.parametrize(
    "name", ["a.b", "*.example.com", "x-1.example.co.uk", "api.localhost", f"{'a' * 63}.example.com", "1.example.com"]
)
async def test_names_that_can_be(operations, context, name):
    assert (await operations.create_domain_name(context, domain_name=name))["domainName"] == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "localhost", "API.example.com", "a..b", "-a.example.com", "a-.example.com", "127.0.0.1", "::1", "a b.c"),
        *("a.*.example.com", "*", "*.com.", "api.example.com:443", f"{'a' * 64}.example.com", "http://a.b", "a.b\n"),
        *("x.execute-api.us-east-1.amazonaws.com", "*.execute-api.localhost", "execute-api.example.com"),
        ".".join(["a" * 60] * 5),
    ],
)
async def test_names_that_cannot_be(operations, context, name):
    code, message = await refusal(operations.create_domain_name(context, domain_name=name))
    assert (code, message.startswith(f"Invalid domain name specified: {name}. ")) == (BAD, True)


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({"security_policy": "TLS_1_0"}, LACKING, "The security policy TLS_1_0 is not implemented by Groundwatch."),
        (
            {"routing_mode": "ROUTING_RULE_ONLY"},
            LACKING,
            "The routing mode ROUTING_RULE_ONLY is not implemented by Groundwatch.",
        ),
        (
            {"endpoint_configuration": {"types": ["PRIVATE"]}},
            LACKING,
            "A private custom domain name is not implemented by Groundwatch.",
        ),
        (
            {"endpoint_configuration": {"types": ["EDGE", "REGIONAL"]}},
            BAD,
            "Cannot create a domain name with multiple Endpoint Types.",
        ),
        (
            {"endpoint_configuration": {"types": ["NEAR"]}},
            BAD,
            "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE",
        ),
        (
            {"certificate_body": "x"},
            BAD,
            "Both certificateBody and certificatePrivateKey must be given to upload a certificate",
        ),
    ],
)
async def test_refused_members(operations, context, members, code, message):
    assert await refusal(operations.create_domain_name(context, domain_name=NAME, **members)) == (code, message)


async def test_a_name_belongs_to_one_account(operations, context, stranger, domain):
    message = "The domain name you provided already exists."
    assert await refusal(operations.create_domain_name(stranger, domain_name=NAME)) == (BAD, message)
    for call in (
        operations.get_domain_name(stranger, domain_name=NAME),
        operations.update_domain_name(stranger, domain_name=NAME, patch_operations=[]),
        operations.delete_domain_name(stranger, domain_name=NAME),
        operations.get_base_path_mappings(stranger, domain_name=NAME),
        operations.get_base_path_mapping(stranger, domain_name=NAME, base_path="shop"),
    ):
        assert await refusal(call) == NO_DOMAIN
    assert (await operations.get_domain_names(stranger))["items"] == []


async def test_paging(operations, context):
    for name in ("c.example.com", "a.example.com", "b.example.com"):
        await operations.create_domain_name(context, domain_name=name)
    first = await operations.get_domain_names(context, limit=2)
    rest = await operations.get_domain_names(context, limit=2, position=first["position"])
    assert [item["domainName"][0] for item in first["items"] + rest["items"]] == ["a", "b", "c"]
    assert "position" not in rest


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (patch("/certificateArn", ARN), {"certificateArn": ARN}),
        (patch("/regionalCertificateArn", ARN), {"regionalCertificateArn": ARN}),
        (
            patch("/endpointConfiguration/types/EDGE", "REGIONAL"),
            {"endpointConfiguration": {"types": ["REGIONAL"], "ipAddressType": "ipv4"}},
        ),
        (
            patch("/endpointConfiguration/types/0", "REGIONAL"),
            {"regionalDomainName": "d-0000000001.execute-api.us-east-1.localhost"},
        ),
        (patch("/securityPolicy", "TLS_1_2"), {"securityPolicy": "TLS_1_2"}),
    ],
)
async def test_patches(operations, context, domain, operation, expected):
    shown = await operations.update_domain_name(context, domain_name=NAME, patch_operations=[operation])
    assert {name: shown[name] for name in expected} == expected
    assert await operations.get_domain_name(context, domain_name=NAME) == shown


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (patch("/mutualTlsAuthentication/truststoreUri", "s3://b/k"), LACKING),
        (patch("/routingMode", "ROUTING_RULE_ONLY"), LACKING),
        (patch("/securityPolicy", "TLS_1_0"), BAD),
        (patch("/endpointConfiguration/types/EDGE", "PRIVATE"), LACKING),
        (patch("/domainName", "other.example.com"), BAD),
    ],
)
async def test_refused_patches(operations, context, domain, operation, code):
    call = operations.update_domain_name(context, domain_name=NAME, patch_operations=[operation])
    assert (await refusal(call))[0] == code


async def test_tags(operations, context, domain):
    arn = domain["domainNameArn"]
    await operations.tag_resource(context, resource_arn=arn, tags={"a": "1", "b": "2"})
    await operations.untag_resource(context, resource_arn=arn, tag_keys=["a"])
    assert (await operations.get_tags(context, resource_arn=arn))["tags"] == {"b": "2"}
    gone = arn.replace(NAME, "gone.example.com")
    assert await refusal(operations.get_tags(context, resource_arn=gone)) == NO_DOMAIN


@pytest.mark.parametrize(
    ("account", "name", "allowed"),
    [
        pytest.param("1", "gw.example.com", True, id="the-operators-account-takes-any"),
        pytest.param("2", "gw.example.com", False, id="others-take-none"),
        pytest.param("2", "a.example.com", True, id="but-what-is-theirs"),
        pytest.param("2", "b.a.example.com", True, id="and-what-is-below"),
        pytest.param("2", "*.a.example.com", True, id="also-all-of-it"),
        pytest.param("2", "*.example.com", False, id="not-what-is-beside"),
        pytest.param("2", "xa.example.com", False, id="whole-labels-only"),
        pytest.param("3", "a.example.com", False, id="it-is-another-accounts"),
    ],
)
def test_who_may_take_a_name(account, name, allowed):
    rules = OperatorRules(domain_account="1", domain_owners={"a.example.com": "2"})
    assert rules.may_take(account, name) is allowed


async def test_a_name_that_is_not_the_accounts(operations, context):
    operations._operator = OperatorRules(domain_account="999999999999")
    message = (
        f"The domain name {NAME} does not belong to account 111122223333; the operator gives domains to accounts with "
        "--domain-owners"
    )
    assert await refusal(operations.create_domain_name(context, domain_name=NAME)) == (BAD, message)


# --- uploaded certificates ---


def certificate(*names, key=None):
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode(), private_pem(key)


def private_pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.mark.parametrize("name", [NAME, "*.example.com"])
async def test_an_uploaded_certificate_is_kept_and_never_shown(operations, context, store, name):
    body, key = certificate(name)
    shown = await operations.create_domain_name(
        context, domain_name=NAME, certificate_name="mine", certificate_body=body, certificate_private_key=key
    )
    assert (shown["certificateName"], shown["certificateUploadDate"]) == ("mine", 1_700_000_000)
    assert "PRIVATE" not in str(shown)
    kept = store.domains.peek(NAME).domain.uploaded_certificate
    assert (kept.chain_pem.strip(), kept.key_pem) == (body.strip(), key)


async def test_another_certificate_replaces_it(operations, context, store):
    body, key = certificate(NAME)
    await operations.create_domain_name(
        context, domain_name=NAME, certificate_body=body, certificate_private_key=key, certificate_chain=body
    )
    await operations.update_domain_name(context, domain_name=NAME, patch_operations=[patch("/certificateArn", ARN)])
    assert store.domains.peek(NAME).domain.uploaded_certificate is None


PEM = certificate(NAME)


@pytest.mark.parametrize(
    ("body", "key", "chain", "message"),
    [
        (PEM[0], "no key", None, "Unable to parse certificate: a part of it is not a private key without a passphrase"),
        ("no certificate", PEM[1], None, "Unable to parse certificate: a part of it is not a certificate in PEM form"),
        (PEM[0], PEM[1], "no chain", "Unable to parse certificate: a part of it is not a certificate in PEM form"),
        (PEM[0], certificate("x.test")[1], None, "The certificatePrivateKey does not belong to the certificate"),
        (*certificate("b.a.example.com"), None, f"The certificate is not for the domain name {NAME}"),
        (PEM[0], "x" * 70_000, None, "A part of the certificate is longer than 65536 characters"),
        (PEM[0], None, None, "Both certificateBody and certificatePrivateKey must be given to upload a certificate"),
    ],
)
async def test_certificates_that_cannot_be_used(operations, context, body, key, chain, message):
    call = operations.create_domain_name(
        context,
        domain_name=NAME,
        certificate_body=body,
        certificate_private_key=key,
        certificate_chain=chain,
    )
    code, found = await refusal(call)
    assert (code, found.startswith(message)) == (BAD, True)


# --- base path mappings ---


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"base_path": "v1", "stage": "prod"}, {"basePath": "v1", "stage": "prod"}),
        ({"base_path": "a-b_c.d+e!*'(),$", "stage": "prod"}, {"basePath": "a-b_c.d+e!*'(),$", "stage": "prod"}),
        ({"stage": "prod"}, {"basePath": "(none)", "stage": "prod"}),
        ({"base_path": "", "stage": ""}, {"basePath": "(none)"}),
        ({"base_path": "(none)"}, {"basePath": "(none)"}),
    ],
)
async def test_mappings(operations, context, mapped, members, expected):
    expected = {**expected, "restApiId": mapped.id}
    assert await map_path(operations, context, mapped, **members) == expected
    call = operations.get_base_path_mapping(context, domain_name=NAME, base_path=expected["basePath"])
    assert await call == expected


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        pytest.param({"base_path": "shop"}, CONFLICT, "Base path already exists for this domain name", id="taken"),
        pytest.param(
            {"base_path": "a/b"},
            BAD,
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. "
            "To create a multi-level base path mapping, use API Gateway V2.",
            id="one-segment",
        ),
        pytest.param({"base_path": "x", "stage": "gone"}, BAD, "Invalid stage identifier specified", id="no-stage"),
        pytest.param(
            {"base_path": "x", "rest_api_id": "gone"}, BAD, "Invalid REST API identifier specified", id="no-api"
        ),
        pytest.param({"domain_name": "gone.example.com"}, *NO_DOMAIN, id="no-domain"),
    ],
)
async def test_mappings_that_cannot_be(operations, context, mapped, members, code, message):
    given = {"domain_name": NAME, "rest_api_id": mapped.id, "base_path": "x", **members}
    assert await refusal(operations.create_base_path_mapping(context, **given)) == (code, message)


@pytest.mark.parametrize("base_path", ["a b", "ä", "a?b", "%2F", "x" * 301, "a\n"])
async def test_characters_of_a_base_path(operations, context, mapped, base_path):
    code, message = await refusal(map_path(operations, context, mapped, base_path=base_path))
    assert (code, message.startswith("Invalid base path specified: ")) == (BAD, True)


async def test_an_api_of_another_account(operations, context, stranger, mapped):
    other = await operations.create_rest_api(stranger, name="other")
    call = operations.create_base_path_mapping(context, domain_name=NAME, rest_api_id=other["id"], base_path="x")
    assert await refusal(call) == (BAD, "Invalid REST API identifier specified")


async def test_a_mapping_is_patched(operations, context, mapped):
    await map_path(operations, context, mapped, base_path="v2")

    async def update(base_path, *patches):
        return await operations.update_base_path_mapping(
            context, domain_name=NAME, base_path=base_path, patch_operations=list(patches)
        )

    assert await update("shop", patch("/basePath", "(none)"), patch("/stage", "")) == {
        "basePath": "(none)",
        "restApiId": mapped.id,
    }
    other = await operations.create_rest_api(context, name="other")
    assert (await update("(none)", patch("/restapiId", other["id"])))["restApiId"] == other["id"]
    assert await refusal(update("(none)", patch("/basePath", "v2"))) == (
        CONFLICT,
        "Base path already exists for this domain name",
    )
    assert await refusal(update("(none)", patch("/restapiId", "gone"))) == (
        BAD,
        "Invalid REST API identifier specified",
    )
    assert await refusal(update("shop", patch("/stage", "prod"))) == NO_MAPPING
    shown = await operations.get_base_path_mappings(context, domain_name=NAME)
    assert [item["basePath"] for item in shown["items"]] == ["(none)", "v2"]


async def test_a_mapping_is_removed(operations, context, mapped):
    await operations.delete_base_path_mapping(context, domain_name=NAME, base_path="shop")
    call = operations.delete_base_path_mapping(context, domain_name=NAME, base_path="shop")
    assert await refusal(call) == NO_MAPPING


async def test_what_is_mapped_cannot_be_deleted(operations, context, mapped):
    remedy = "Please remove all base path mappings related to the {} in your domains: " + NAME
    call = mapped.call("delete_stage", stage_name="prod")
    assert await refusal(call) == (BAD, "Deleting stage prod failed. " + remedy.format("stage"))
    call = operations.delete_rest_api(context, rest_api_id=mapped.id)
    assert await refusal(call) == (BAD, "Deleting RestApi failed. " + remedy.format("RestApi"))
    await operations.delete_domain_name(context, domain_name=NAME)
    await operations.delete_rest_api(context, rest_api_id=mapped.id)


# --- what the runtime sees ---


async def test_the_runtime_sees_every_change(operations, context, store, mapped):
    def leads_to(found, path):
        destination = found.destination(path)
        return destination and (destination.mapping.stage, destination.rest)

    assert await store.domains.find("other.example.com") is None
    assert leads_to(await store.domains.find(NAME), "/shop/pets") == ("prod", "/pets")
    await operations.delete_base_path_mapping(context, domain_name=NAME, base_path="shop")
    assert leads_to(await store.domains.find(NAME), "/shop/pets") is None
    await operations.delete_domain_name(context, domain_name=NAME)
    assert await store.domains.find(NAME) is None


async def test_unchanged_domains_are_not_read_again(store, context, operations, domain):
    await store.domains.find(NAME)
    table = store.domains.table
    await store.domains.find("other.example.com")
    assert store.domains.table is table


async def test_with_several_nodes_a_table_grows_old(store, clock, domain):
    store.domains._alone = False
    await store.domains.find(NAME)
    table = store.domains.table
    clock.now_ms += 999
    await store.domains.find(NAME)
    assert store.domains.table is table
    clock.now_ms += 1
    await store.domains.find(NAME)
    assert store.domains.table is not table


async def test_a_look_that_cannot_wait_has_the_table_read_for_the_next(store, clock, domain):
    store.domains._alone = False
    table = store.domains.table
    clock.now_ms += 1000
    assert store.domains.peek(NAME).domain.name == NAME
    await store.domains._reading
    assert store.domains.table is not table


async def test_a_database_that_is_away_leaves_the_table_as_it_was(store, clock, domain, monkeypatch, caplog):
    def away(_):
        raise OperationalError("select", {}, Exception("away"))

    monkeypatch.setattr("groundwatch.gateway.domains.sql.read_all", away)
    store.domains._alone = False
    clock.now_ms += 1000
    assert store.domains.peek(NAME).domain.name == NAME
    await store.domains._reading
    assert store.domains.peek(NAME).domain.name == NAME
    assert "cannot read the custom domains: OperationalError" in caplog.text
    with pytest.raises(OperationalError):
        await store.domains.find(NAME)
