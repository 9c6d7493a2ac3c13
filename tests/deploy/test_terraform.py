"""Configurations for Terraform: documented arguments only, references that lead somewhere, texts that stay texts."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace
from tests.deploy.conftest import EVIL, HOSTILE, RUNNING

from groundwatch.deploy.assemble import Running, RunningRole, Wanted, stack_of
from groundwatch.deploy.terraform import configuration, label

DOCUMENTED = yaml.safe_load((Path(__file__).parent / "aws_provider_arguments.yaml").read_text())
META = {"count", "depends_on", "lifecycle"}
REFERENCE = re.compile(r"(?<!\$)\$\{([^}]*)\}")


def test_every_argument_is_documented(stack):
    for kind, held in configuration(stack)["resource"].items():
        for name, arguments in held.items():
            blocks = DOCUMENTED[kind].get("blocks", {})
            known = {*DOCUMENTED[kind]["arguments"], *blocks, *META}
            assert arguments.keys() <= known, f"{kind}.{name}"
            for block, inner in blocks.items():
                given = arguments.get(block, {})
                for each in given if isinstance(given, list) else [given]:
                    assert each.keys() <= set(inner), f"{kind}.{name}.{block}"


def test_every_reference_leads_somewhere(stack):
    made = configuration(stack)
    resources = {f"{kind}.{name}" for kind, held in made["resource"].items() for name in held}
    data = {f"data.{kind}.{name}" for kind, held in made["data"].items() for name in held}
    variables = {f"var.{name}" for name in made.get("variable", {})}
    for reference in references(made["resource"]) | references(made["output"]):
        parts = re.split(r"[.\[ ]", reference)
        place = ".".join(parts[:3]) if parts[0] == "data" else ".".join(parts[:2])
        assert place in resources | data | variables, reference


def references(document):
    # A body is JSON within JSON, whose references are Terraform's all the same.
    return set(REFERENCE.findall(json.dumps(document).replace("$${", "")))


def test_the_body_as_terraform_reads_it(rich):
    text = configuration(stack_of(rich, Running(), Wanted("v1")))["resource"]["aws_api_gateway_rest_api"]["api"]["body"]
    orders = json.loads(text)["paths"]["/orders"]["get"]["x-amazon-apigateway-integration"]
    mine = json.loads(text)["paths"]["/mine/events"]["get"]["x-amazon-apigateway-integration"]
    assert orders["credentials"] == "${aws_iam_role.orders.arn}"
    assert "$${stageVariables.head}" in orders["requestTemplates"]["application/json"]
    assert "$${neither} this nor %%{that}" in mine["requestTemplates"]["application/json"]
    assert mine["uri"] == "arn:aws:apigateway:${data.aws_region.current.name}:logs:action/FilterLogEvents"


def test_what_users_have_named_is_never_evaluated(rich):
    """Terraform reads files of whoever applies a configuration, if a text in it says so."""
    rich.body["x-note"] = {EVIL: [EVIL]}
    made = configuration(stack_of(rich, HOSTILE, Wanted("live")))
    texts = list(texts_of(made))
    assert sum(text.count("/etc/passwd") for text in texts) >= 15
    for text in texts:
        # The body is JSON within a text, where quotes are escaped once more.
        assert re.search(r"(?<!\$)\$\{file|(?<!%)%\{if", text) is None, text


def texts_of(document):
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from texts_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from texts_of(value)
    elif isinstance(document, str):
        yield document


def test_no_two_things_share_a_label(rich):
    """One of them would be lost, and a policy that is lost may be the one that denies."""
    document = {"Version": "2012-10-17", "Statement": []}
    role = RunningRole(document, {"read.all": document, "read-all": document}, ["arn:aws:iam::aws:policy/a/x"])
    role.managed.append("arn:aws:iam::aws:policy/b/x")
    metric = RUNNING.metric_filters[0]
    running = replace(
        RUNNING,
        roles={"orders": role},
        metric_filters=[replace(metric, name=name) for name in ("a.b", "a-b")],
        alarms=[{"AlarmName": name} for name in ("slow!", "slow?")],
    )
    made = configuration(stack_of(rich, running, Wanted("live")))["resource"]
    kinds = ("iam_role_policy", "iam_role_policy_attachment", "cloudwatch_log_metric_filter", "cloudwatch_metric_alarm")
    derived, logging = 1, 1
    assert [len(made[f"aws_{kind}"]) for kind in kinds] == [2 + derived, 2 + logging, 2, 2]


def test_arguments_of_an_alarm(rich):
    alarm = {
        "AlarmName": "errors",
        "OKActions": ["arn:aws:sns:us-east-1:000000000000:t"],
        "EvaluateLowSampleCountPercentile": "ignore",
        "Dimensions": [{"Name": "path", "Value": "/"}],
    }
    running = replace(RUNNING, alarms=[alarm])
    made = configuration(stack_of(rich, running, Wanted("live")))["resource"]["aws_cloudwatch_metric_alarm"]["errors"]
    assert made.keys() <= set(DOCUMENTED["aws_cloudwatch_metric_alarm"]["arguments"])
    assert made["dimensions"] == {"path": "/"}


def test_a_changed_definition_makes_a_new_deployment(rich):
    first = configuration(stack_of(rich, Running(), Wanted("v1")))
    rich.body["info"]["description"] = "changed"
    changed = configuration(stack_of(rich, RUNNING, Wanted("v1")))
    deployments = [made["resource"]["aws_api_gateway_deployment"]["deployment"] for made in (first, changed)]
    assert deployments[0]["triggers"] != deployments[1]["triggers"]
    assert all(held["lifecycle"] == {"create_before_destroy": True} for held in deployments)


@pytest.mark.parametrize(
    ("name", "expected"), [("acme.com", "acme_com"), ("/svc/ä", "svc"), ("1st", "n_1st"), ("…", "n_")]
)
def test_labels(name, expected):
    assert label(name) == expected


def test_names_that_look_alike_have_their_own_labels(rich):
    made = configuration(stack_of(rich, RUNNING, Wanted("live")))["resource"]
    keys = {held["name"]: name for name, held in made["aws_api_gateway_api_key"].items()}
    assert keys == {"acme.com": "acme_com", "acme-com": "acme_com_2"}
    admitted = [held["key_id"] for held in made["aws_api_gateway_usage_plan_key"].values()]
    assert admitted == ["${aws_api_gateway_api_key.acme_com.id}", "${aws_api_gateway_api_key.acme_com_2.id}"]
