"""`groundwatch deploy`: what it writes, with a server and without, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import cfnlint
import pytest
import yaml

from groundwatch.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "logs-api.yaml"


@pytest.fixture
def run(capsys):
    """Run the command and return what it printed, both streams."""

    def run(*words, code=0):
        assert main(["deploy", *map(str, words)]) == code
        return capsys.readouterr()

    return run


def test_offline_to_standard_output(run):
    made = yaml.safe_load(run(EXAMPLE, "--offline").out)
    assert made["Resources"]["RestApi"]["Properties"]["Name"] == "groundwatch-logs"


@pytest.mark.parametrize(
    ("name", "form", "read"),
    [
        ("stack.yaml", "cloudformation", yaml.safe_load),
        ("stack.json", "cloudformation", json.loads),
        ("main.tf.json", "terraform", json.loads),
    ],
)
def test_forms(run, tmp_path, name, form, read):
    out = tmp_path / name
    done = run(EXAMPLE, "--offline", "--format", form, "--out", out)
    assert "is written" in done.err
    assert done.out == ""
    made = read(out.read_text())
    assert ("Resources" if form == "cloudformation" else "resource") in made


def test_yaml_and_json_are_the_same_template(run, tmp_path):
    for name in ("a.yaml", "a.json"):
        run(EXAMPLE, "--offline", "--out", tmp_path / name)
    assert yaml.safe_load((tmp_path / "a.yaml").read_text()) == json.loads((tmp_path / "a.json").read_text())


def test_what_the_running_server_knows(run, server, tmp_path):
    iam = server.client("iam")
    policy = iam.get_role_policy(RoleName="groundwatch-logs-api", PolicyName="read-logs")["PolicyDocument"]
    out = tmp_path / "stack.yaml"
    run(EXAMPLE, "--data", server.data, "--out", out)
    made = yaml.safe_load(out.read_text())
    (held,) = made["Resources"]["RoleGroundwatchLogsApi"]["Properties"]["Policies"]
    assert held["PolicyDocument"]["Statement"][0]["Action"] == policy["Statement"][0]["Action"]
    assert held["PolicyDocument"]["Statement"][0]["Resource"] == {
        "Fn::Sub": "arn:aws:logs:*:${AWS::AccountId}:log-group:*"
    }
    keys = [each["Properties"]["Name"] for each in made["Resources"].values() if each["Type"].endswith("::ApiKey")]
    assert keys == ["groundwatch-logs"]
    secrets = [key["value"] for key in server.client("apigateway").get_api_keys(includeValues=True)["items"]]
    assert not [secret for secret in secrets if secret in out.read_text()]
    assert cfnlint.lint(out.read_text(), regions=["us-east-1"]) == []


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        pytest.param("throttling/burstLimit", "7", {"ThrottlingBurstLimit": 7}, id="not-spoken-of"),
        pytest.param("caching/enabled", "true", {"CachingEnabled": True}, id="wanted"),
    ],
)
def test_a_cache_is_only_spoken_of_where_somebody_did(run, make_server, tmp_path, setting, value, expected):
    server = make_server().start()
    gateway = server.client("apigateway")
    api = next(each["id"] for each in gateway.get_rest_apis()["items"] if each["name"] == "groundwatch-logs")
    patch = {"op": "replace", "path": f"/~1groups/GET/{setting}", "value": value}
    gateway.update_stage(restApiId=api, stageName="v1", patchOperations=[patch])
    out = tmp_path / "stack.json"
    run(EXAMPLE, "--data", server.data, "--out", out)
    settings = json.loads(out.read_text())["Resources"]["Stage"]["Properties"]["MethodSettings"]
    assert {"ResourcePath": "/~1groups", "HttpMethod": "GET", **expected} in settings


def test_customers_whose_keys_have_one_name_keep_a_key_each(run, server, tmp_path):
    """Names of keys and plans need not differ, and who gets another one's key reads another one's logs."""
    definition = EXAMPLE.parent / "tenants" / "api.yaml"
    assert main(["import-api", str(definition), "--no-key", "--data", str(server.data)]) == 0
    gateway = server.client("apigateway")
    api = next(each["id"] for each in gateway.get_rest_apis()["items"] if each["name"] == "customers")
    for _ in range(2):
        key = gateway.create_api_key(name="twin", enabled=True)["id"]
        plan = gateway.create_usage_plan(name="twin", apiStages=[{"apiId": api, "stage": "v1"}])["id"]
        gateway.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    for form in ("cloudformation", "terraform"):
        out = tmp_path / f"{form}.json"
        run(definition, "--data", server.data, "--format", form, "--out", out)
        assert numbers(json.loads(out.read_text())) == [2, 2, 2]


def numbers(made):
    """Return how many keys, plans and admissions there are, of either format."""
    if "Resources" in made:
        kinds = [each["Type"].rpartition("::")[2] for each in made["Resources"].values()]
        return [kinds.count(kind) for kind in ("ApiKey", "UsagePlan", "UsagePlanKey")]
    return [len(made["resource"][f"aws_api_gateway_{kind}"]) for kind in ("api_key", "usage_plan", "usage_plan_key")]


def test_check_explains(run):
    done = run(EXAMPLE, "--offline", "--check")
    for words in ("What the stack creates", "Who could read what", "API key", "GetLogEvents", "What differs on AWS"):
        assert words in done.out


def test_check_of_what_cannot_work(run, tmp_path):
    definition = tmp_path / "api.yaml"
    definition.write_text(
        "openapi: 3.0.1\ninfo: { title: t, version: '1' }\npaths:\n  /a:\n    get:\n"
        "      responses: { '200': { description: x } }\n      x-amazon-apigateway-integration:\n"
        "        { type: http_proxy, httpMethod: GET, uri: 'http://10.0.0.1/' }\n"
    )
    done = run(definition, "--offline", "--check", code=1)
    assert "cannot work on AWS" in done.out


def test_a_fault_with_its_line(run, tmp_path):
    definition = tmp_path / "api.yaml"
    definition.write_text(
        "openapi: 3.0.1\ninfo: { title: t, version: '1' }\npaths:\n  /a:\n    get:\n"
        "      x-amazon-apigateway-integration: { type: nonsense }\n"
    )
    done = run(definition, "--offline", code=1)
    assert f"{definition}: line 5: Unable to put integration on 'GET'" in done.err


def test_a_definition_that_would_have_a_secret_filled_in(run, tmp_path):
    file = tmp_path / "api.yaml"
    file.write_text(EXAMPLE.read_text().replace("groundwatch-logs\n", "'{{resolve:secretsmanager:prod}}'\n", 1))
    done = run(file, "--offline", code=1)
    assert "body.info.title: CloudFormation would fill in what {{resolve:secretsmanager:" in done.err
    assert done.out == ""


def test_the_example_of_tenants(run, tmp_path):
    out = tmp_path / "stack.json"
    run(EXAMPLE.parent / "tenants" / "api.yaml", "--offline", "--out", out)
    assert [str(match) for match in cfnlint.lint(out.read_text(), regions=["us-east-1"])] == []


def test_a_domain(run, tmp_path):
    made = yaml.safe_load(run(EXAMPLE, "--offline", "--domain", "logs.example.com/v1").out)
    assert made["Parameters"]["CertificateArn"]["Type"] == "String"
    assert made["Resources"]["BasePathMapping"]["Properties"]["BasePath"] == "v1"


def test_no_server_says_so(run, tmp_path):
    done = run(EXAMPLE, "--data", tmp_path, code=2)
    assert "--offline" in done.err


def test_alarms_on_what_metric_filters_count(run, server, tmp_path):
    group, definition = "/svc/acme", tmp_path / "acme.yaml"
    assert main(["init", "--title", "acme", "--group", group, "--auth", "key", "--out", str(definition)]) == 0
    assert main(["import-api", str(definition), "--no-key", "--data", str(server.data)]) == 0
    logs, topic = server.client("logs"), server.client("sns").create_topic(Name="alerts")["TopicArn"]
    logs.create_log_group(logGroupName=group)
    count = {"metricName": "Errors", "metricNamespace": "Acme", "metricValue": "1", "defaultValue": 0.0}
    for name in ("errors", "errors-too"):
        logs.put_metric_filter(
            logGroupName=group, filterName=name, filterPattern="ERROR", metricTransformations=[count]
        )
    server.client("cloudwatch").put_metric_alarm(
        AlarmName="acme errors",
        MetricName="Errors",
        Namespace="Acme",
        Statistic="Sum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[topic],
    )
    run(definition, "--data", server.data, "--out", tmp_path / "stack.json")
    made = json.loads((tmp_path / "stack.json").read_text())["Resources"]
    (alarm,) = [each["Properties"] for each in made.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert alarm["AlarmName"] == "acme errors"
    assert alarm["AlarmActions"] == [{"Fn::Sub": "arn:aws:sns:us-east-1:${AWS::AccountId}:alerts"}]
    assert "needs the topics" in run(definition, "--data", server.data, "--check").out
    run(definition, "--data", server.data, "--format", "terraform", "--out", tmp_path / "main.tf.json")
    (alarm,) = json.loads((tmp_path / "main.tf.json").read_text())["resource"]["aws_cloudwatch_metric_alarm"].values()
    assert alarm["alarm_actions"] == ["arn:aws:sns:us-east-1:${data.aws_caller_identity.current.account_id}:alerts"]
