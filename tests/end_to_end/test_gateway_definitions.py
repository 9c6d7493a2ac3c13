"""Definitions out of a running server and back: the bundled API, its document, its copies."""

from __future__ import annotations

import json

import pytest
import yaml
from botocore.exceptions import ClientError

STAGE = {"stageName": "v1"}


@pytest.fixture(scope="module")
def gateway(server):
    return server.client("apigateway")


@pytest.fixture(scope="module")
def bundled(gateway):
    return next(api["id"] for api in gateway.get_rest_apis()["items"] if api["name"] == "groundwatch-logs")


def test_the_command_line_writes_a_file_that_it_imports(server, bundled, gateway, tmp_path):
    path = tmp_path / "exported.yaml"
    done = server.aws(
        *("apigateway", "get-export", "--rest-api-id", bundled, "--stage-name", "v1", "--export-type", "oas30"),
        *("--accepts", "application/yaml", "--parameters", "extensions=apigateway", str(path)),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "contentType": "application/octet-stream",
        "contentDisposition": 'attachment; filename="oas30_1.yaml"',
    }
    copy = server.aws_json("apigateway", "import-rest-api", "--fail-on-warnings", "--body", f"fileb://{path}")
    assert copy["name"] == yaml.safe_load(path.read_text())["info"]["title"] == "groundwatch-logs"
    gateway.delete_rest_api(restApiId=copy["id"])


@pytest.mark.parametrize(("kind", "form", "read"), [("oas30", "yaml", yaml.safe_load), ("swagger", "json", json.loads)])
def test_a_copy_is_exported_as_the_first_one_is(gateway, bundled, kind, form, read):
    documentation = {"documentationVersion": f"1-{kind}", **STAGE}

    def published(api):
        gateway.create_documentation_version(restApiId=api, **documentation)
        answer = gateway.get_export(
            restApiId=api,
            **STAGE,
            exportType=kind,
            accepts=f"application/{form}",
            parameters={"extensions": "apigateway"},
        )
        body = answer["body"].read()
        document = read(body.replace(api.encode(), b"ID"))
        document["x-amazon-apigateway-documentation"].pop("createdDate")
        return body, document

    body, first = published(bundled)
    copy = gateway.import_rest_api(body=body, failOnWarnings=True)["id"]
    gateway.create_deployment(restApiId=copy, **STAGE)
    assert published(copy)[1] == first
    gateway.delete_rest_api(restApiId=copy)


@pytest.mark.parametrize("make", ["import", "clone"])
def test_a_copy_serves_what_the_first_one_serves(server, gateway, bundled, make):
    if make == "clone":
        copy = gateway.create_rest_api(name="copy", cloneFrom=bundled)["id"]
    else:
        exported = gateway.get_export(
            restApiId=bundled, **STAGE, exportType="oas30", parameters={"extensions": "apigateway"}
        )
        copy = gateway.import_rest_api(body=exported["body"].read())["id"]
    gateway.create_deployment(restApiId=copy, **STAGE)
    plan = next(held for held in gateway.get_usage_plans()["items"] if held["apiStages"][0]["apiId"] == bundled)
    patch = {"op": "add", "path": "/apiStages", "value": f"{copy}:v1"}
    gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=[patch])
    try:
        key = gateway.get_usage_plan_keys(usagePlanId=plan["id"])["items"][0]["value"]
        answers = [server.get(f"/{api}/v1/groups", {"x-api-key": key}) for api in (bundled, copy)]
        assert [answer.status for answer in answers] == [200, 200]
        assert json.loads(answers[0].body) == json.loads(answers[1].body)
    finally:
        gateway.update_usage_plan(usagePlanId=plan["id"], patchOperations=[{**patch, "op": "remove"}])
        gateway.delete_rest_api(restApiId=copy)


def test_parts_and_models_over_the_wire(gateway):
    api = gateway.create_rest_api(name="documented")["id"]
    part = gateway.create_documentation_part(
        restApiId=api, location={"type": "RESOURCE", "path": "/groups"}, properties='{"description":"All log groups"}'
    )
    assert part["location"] == {"type": "RESOURCE", "path": "/groups"}
    body = b"openapi: 3.0.1\ninfo: {title: t, description: About logs}\npaths: {}\n"
    assert len(gateway.import_documentation_parts(restApiId=api, body=body, mode="merge")["ids"]) == 1
    assert len(gateway.get_documentation_parts(restApiId=api)["items"]) == 2
    template = gateway.get_model_template(restApiId=api, modelName="Error")["value"]
    assert '"message" : "foo"' in template
    with pytest.raises(ClientError, match="NotImplementedException"):
        gateway.get_sdk(restApiId=api, **STAGE, sdkType="java")
    gateway.delete_rest_api(restApiId=api)
