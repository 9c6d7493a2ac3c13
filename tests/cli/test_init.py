"""`groundwatch init`: what it writes runs here unchanged, and is a clean stack for AWS."""

from __future__ import annotations

import json
import re
import time
from urllib.parse import quote

import cfnlint
import pytest
import yaml

from groundwatch.cli import main
from groundwatch.cli.init import Wish, definition
from groundwatch.deploy.assemble import Running, Wanted, stack_of
from groundwatch.deploy.cloudformation import template
from groundwatch.deploy.definition import read_definition

POOL = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_AbCdEf123"
GROUP = "/svc/init"
AUTHS = [("key", None), ("iam", None), ("jwt", POOL), ("none", None)]
WISHES = [
    pytest.param([Wish(GROUP, "/orders")], id="one group"),
    pytest.param([Wish(GROUP, "/a"), Wish("/svc/b#2", "/b/c")], id="two groups"),
    pytest.param([Wish(None, "/groups")], id="any group"),
]


@pytest.mark.parametrize("wishes", WISHES)
@pytest.mark.parametrize(("auth", "pool"), AUTHS)
def test_every_definition_is_a_clean_stack(wishes, auth, pool):
    text = definition("My API: «logs»", wishes, auth, pool, "api.yaml")
    read = read_definition(text.encode(), "000000000000", "us-east-1", lambda _policy: None)
    assert read.warnings == ()
    made = template(stack_of(read, Running(), Wanted("v1")))
    assert [str(match) for match in cfnlint.lint(json.dumps(made), regions=["us-east-1"])] == []
    (role,) = (held for name, held in made["Resources"].items() if name.startswith("RoleMyAPI"))
    actions = {action for each in statements(role) for action in each["Action"]}
    assert actions == {"logs:FilterLogEvents", "logs:GetLogEvents"}


def statements(role):
    return role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_runs_here(server, in_tmp, capsys):
    logs = server.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="a/b")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + number, "message": f"it's event {number}"} for number in range(3)]
    logs.put_log_events(logGroupName=GROUP, logStreamName="a/b", logEvents=events)
    words = ["--title", "init", "--group", f"{GROUP}=/one", "--group", "any=/groups", "--auth", "key"]
    assert main(["init", *words]) == 0
    assert main(["import-api", "api.yaml", "--data", str(server.data)]) == 0
    printed = capsys.readouterr().out
    api = re.search(r"REST API (\w+)", printed)[1]
    key = {"x-api-key": re.search(r"API key: (\S+)", printed)[1]}
    for place in ("/one", f"/groups/{quote(GROUP, safe='')}"):
        found = server.get(f"/{api}/v1{place}/events?filter={quote('it')}&limit=2", key)
        assert [event["message"] for event in found.json()["events"]] == ["it's event 0", "it's event 1"]
        rest = server.get(f"/{api}/v1{place}/events?filter={quote('it')}&page={quote(found.json()['next'])}", key)
        assert [event["message"] for event in rest.json()["events"]] == ["it's event 2"]
        page = server.get(f"/{api}/v1{place}/streams/a%2Fb/events?limit=1", key).json()
        assert [event["message"] for event in page["events"]] == ["it's event 2"]
        older = server.get(f"/{api}/v1{place}/streams/a%2Fb/events?limit=1&page={quote(page['older'])}", key)
        assert [event["message"] for event in older.json()["events"]] == ["it's event 1"]
    assert server.get(f"/{api}/v1/one/events").status == 403
    assert server.get(f"/{api}/v1/one/streams/none/events", key).status == 404
    assert server.get(f"/{api}/v1/one/events?limit=x", key).status == 400


def test_a_file_that_is_there_stays(in_tmp, capsys):
    (in_tmp / "api.yaml").write_text("mine")
    words = ["init", "--title", "t", "--group", "any", "--auth", "none"]
    assert main(words) == 2
    assert "api.yaml exists" in capsys.readouterr().err
    assert main([*words, "--force"]) == 0
    assert yaml.safe_load((in_tmp / "api.yaml").read_text())["info"]["title"] == "t"


REFUSALS = [
    pytest.param(["--group", "a b"], "no name of a log group", id="a name"),
    pytest.param(["--group", "a=b"], "no path", id="a path"),
    pytest.param(["--group", "a={x}"], "no path", id="a parameter"),
    pytest.param(["--group", "a=/x", "--group", "b=/x"], "two groups have the path /x", id="one path twice"),
    pytest.param(["--auth", "jwt", "--group", "a", "--user-pool", "x"], "no ARN of a user pool", id="a pool"),
    pytest.param([], "--group is missing", id="nobody to ask"),
]


@pytest.mark.parametrize(("words", "message"), REFUSALS)
def test_refusals(in_tmp, capsys, words, message):
    defaults = [] if "--auth" in words else ["--auth", "none"]
    assert main(["init", "--title", "t", *defaults, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (in_tmp / "api.yaml").exists()
