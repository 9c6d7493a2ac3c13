"""VPC links and client certificates in the control plane."""

from __future__ import annotations

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.gateway.control.patches import patch
from tests.refusals import refusal

from groundwatch.gateway.operator_rules import OperatorRules
from groundwatch.gateway.store import Place

BAD, MISSING = "BadRequestException", "NotFoundException"
ARN = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1"
NO_LINK = (MISSING, "Invalid VPC Link identifier specified")
NO_CERTIFICATE = (MISSING, "Invalid Client Certificate identifier specified")


@pytest.fixture
async def link(operations, context):
    return await operations.create_vpc_link(context, name="inner", target_arns=[ARN])


@pytest.fixture
async def certificate(operations, context):
    return await operations.generate_client_certificate(context, description="for the backend")


# --- VPC links ---


async def test_a_link_is_available_when_the_operator_knows_its_target(operations, context, link):
    assert link == {
        "id": link["id"],
        "name": "inner",
        "targetArns": [ARN],
        "status": "FAILED",
        "statusMessage": f"The operator has not said with --vpc-links where {ARN} is",
    }
    operations._operator = OperatorRules(vpc_targets={ARN: "http://10.0.0.5:8080"})
    shown = await operations.get_vpc_link(context, vpc_link_id=link["id"])
    assert (shown["status"], "statusMessage" in shown) == ("AVAILABLE", False)


@pytest.mark.parametrize(
    ("arns", "message"),
    [
        ([], "No target arn specified for vpc link."),
        ([ARN, ARN], "More than one target arn specified for vpc link."),
        (["arn:aws:s3:::bucket"], "Invalid target arn specified for vpc link: arn:aws:s3:::bucket. "),
        ([ARN.replace("111122223333", "444455556666")], "Invalid target arn specified for vpc link: "),
        ([ARN.replace("us-east-1", "eu-west-1")], "Invalid target arn specified for vpc link: "),
        ([ARN.replace("/net/", "/app/")], "Invalid target arn specified for vpc link: "),
    ],
)
async def test_targets_that_cannot_be(operations, context, arns, message):
    code, found = await refusal(operations.create_vpc_link(context, name="x", target_arns=arns))
    assert (code, found.startswith(message)) == (BAD, True)


async def test_links_are_patched_but_not_moved(operations, context, link):
    async def update(*patches):
        return await operations.update_vpc_link(context, vpc_link_id=link["id"], patch_operations=list(patches))

    shown = await update(patch("/name", "outer"), patch("/description", "d"))
    assert (shown["name"], shown["description"]) == ("outer", "d")
    fixed = (BAD, "Target arns are not allowed to be changed/added.")
    assert await refusal(update(patch("/targetArns", ARN))) == fixed
    assert await refusal(update(patch("/targetArns", ARN, op="add"))) == fixed


async def test_links_belong_to_their_account(operations, context, stranger, link):
    for call in (
        operations.get_vpc_link(stranger, vpc_link_id=link["id"]),
        operations.update_vpc_link(stranger, vpc_link_id=link["id"], patch_operations=[]),
        operations.delete_vpc_link(stranger, vpc_link_id=link["id"]),
    ):
        assert await refusal(call) == NO_LINK
    assert (await operations.get_vpc_links(stranger))["items"] == []
    assert [item["id"] for item in (await operations.get_vpc_links(context))["items"]] == [link["id"]]


async def test_a_link_that_is_live_stays(operations, context, api, link):
    await api.call_method("put_method", authorization_type="NONE")
    await api.call_method(
        "put_integration",
        type="HTTP_PROXY",
        integration_http_method="GET",
        uri="http://inner.test/",
        connection_type="VPC_LINK",
        connection_id=link["id"],
    )
    await api.call("create_deployment", stage_name="prod")
    message = (
        f"Cannot delete vpc link. Vpc link '{link['id']}', is referenced in [GET:{api.root_id}:prod] "
        "in format of [Method:Resource:Stage]."
    )
    assert await refusal(operations.delete_vpc_link(context, vpc_link_id=link["id"])) == (BAD, message)
    await api.call("delete_stage", stage_name="prod")
    await operations.delete_vpc_link(context, vpc_link_id=link["id"])
    assert await refusal(operations.get_vpc_link(context, vpc_link_id=link["id"])) == NO_LINK


# --- client certificates ---


async def test_a_generated_certificate_is_one(operations, context, certificate):
    loaded = x509.load_pem_x509_certificate(certificate["pemEncodedCertificate"].encode())
    assert loaded.subject.rfc4514_string() == "CN=ApiGateway"
    loaded.verify_directly_issued_by(loaded)
    assert loaded.not_valid_after_utc - loaded.not_valid_before_utc == dt.timedelta(days=365)
    assert certificate == {
        "clientCertificateId": certificate["clientCertificateId"],
        "description": "for the backend",
        "pemEncodedCertificate": certificate["pemEncodedCertificate"],
        "createdDate": 1_700_000_000,
        "expirationDate": int(loaded.not_valid_after_utc.timestamp()),
    }
    shown = await operations.get_client_certificate(context, client_certificate_id=certificate["clientCertificateId"])
    assert shown == certificate


async def test_the_key_fits_and_stays_inside(store, context, certificate):
    place = Place(context.account_id, context.region)
    kept = await store.connections.certificates.find(place, certificate["clientCertificateId"])
    key = serialization.load_pem_private_key(kept.key_pem.encode(), password=None)
    loaded = x509.load_pem_x509_certificate(kept.certificate_pem.encode())
    assert key.public_key() == loaded.public_key()
    assert "PRIVATE" not in str(certificate)


async def test_only_the_description_is_patched(operations, context, certificate):
    async def update(*patches):
        return await operations.update_client_certificate(
            context, client_certificate_id=certificate["clientCertificateId"], patch_operations=list(patches)
        )

    assert (await update(patch("/description", "other")))["description"] == "other"
    assert (await refusal(update(patch("/pemEncodedCertificate", "x"))))[0] == BAD


async def test_certificates_belong_to_their_account(operations, stranger, certificate):
    key = {"client_certificate_id": certificate["clientCertificateId"]}
    for call in (
        operations.get_client_certificate(stranger, **key),
        operations.update_client_certificate(stranger, **key, patch_operations=[]),
        operations.delete_client_certificate(stranger, **key),
    ):
        assert await refusal(call) == NO_CERTIFICATE
    assert (await operations.get_client_certificates(stranger))["items"] == []


async def test_a_stage_presents_a_certificate_of_its_account(operations, context, stranger, api, certificate):
    await api.put_mock_method()
    await api.call("create_deployment", stage_name="prod")
    own, key = certificate["clientCertificateId"], {"client_certificate_id": certificate["clientCertificateId"]}

    async def present(value):
        return await api.call(
            "update_stage", stage_name="prod", patch_operations=[patch("/clientCertificateId", value)]
        )

    other = await operations.generate_client_certificate(stranger)
    assert await refusal(present(other["clientCertificateId"])) == NO_CERTIFICATE
    assert (await present(own))["clientCertificateId"] == own
    message = (
        f"Cannot delete client certificate. Client certificate '{own}', is referenced in [{api.id}:prod] "
        "in format of [Api:Stage]."
    )
    assert await refusal(operations.delete_client_certificate(context, **key)) == (BAD, message)
    assert "clientCertificateId" not in await present("")
    await operations.delete_client_certificate(context, **key)
    assert await refusal(operations.get_client_certificate(context, **key)) == NO_CERTIFICATE


@pytest.mark.parametrize("kind", ["vpclinks", "clientcertificates"])
async def test_tags(operations, context, link, certificate, kind):
    value_id = link["id"] if kind == "vpclinks" else certificate["clientCertificateId"]
    arn = f"arn:aws:apigateway:us-east-1::/{kind}/{value_id}"
    await operations.tag_resource(context, resource_arn=arn, tags={"a": "1", "b": "2"})
    await operations.untag_resource(context, resource_arn=arn, tag_keys=["a"])
    assert (await operations.get_tags(context, resource_arn=arn))["tags"] == {"b": "2"}
    missing = NO_LINK if kind == "vpclinks" else NO_CERTIFICATE
    assert await refusal(operations.get_tags(context, resource_arn=f"{arn}x")) == missing


async def test_the_runtime_sees_the_newest_value(store, operations, context, link, clock):
    links, place = store.connections.links, Place(context.account_id, context.region)
    found = await links.find(place, link["id"])
    assert await links.find(place, link["id"]) is found
    await operations.create_vpc_link(context, name="other", target_arns=[ARN])
    assert await links.find(place, link["id"]) is found
    await operations.update_vpc_link(context, vpc_link_id=link["id"], patch_operations=[patch("/name", "new")])
    assert (await links.find(place, link["id"])).name == "new"
    await operations.delete_vpc_link(context, vpc_link_id=link["id"])
    assert await links.find(place, link["id"]) is None
