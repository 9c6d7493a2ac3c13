"""Settings: the table, the order of sources, and one clear line for each mistake."""

from pathlib import Path

import msgspec
import pytest

from groundwatch import config
from groundwatch.config import Address, ConfigError, TlsFiles, UpstreamPlace, load
from groundwatch.config.values import parse_address


@pytest.fixture(autouse=True)
def _in_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_defaults(tmp_path):
    settings = load({}, {})
    data = tmp_path / "data"
    assert msgspec.structs.asdict(settings) == {
        "data": data,
        "service": Address("127.0.0.1", 4580),
        "gateway": Address("127.0.0.1", 8443),
        "tls": "auto",
        "service_tls": "off",
        "events_url": f"chdb://{data}/events",
        "metadata_url": f"sqlite:///{data}/metadata.db",
        "region": "us-east-1",
        "account": "000000000000",
        "auth": "iam",
        "log_level": "info",
        "recent_events_bytes": 134217728,
        "kinesis_url": "off",
        "firehose_url": "off",
        "lambda_url": "off",
        "max_event_age_days": 14,
        "delivery_queue_bytes": 1073741824,
        "s3_url": "off",
        "outbound_allow": (),
        "jwt_issuers": {},
        "upstream": (),
        "upstream_credentials": "role",
        "upstream_groups": (),
        "domain_owners": {},
        "tls_domains": None,
        "vpc_links": {},
        "backup_directory": None,
        "metrics_token_file": None,
        "notifications_url": None,
        "smtp_url": None,
        "smtp_from": "no-reply@localhost",
        "webhook_hosts": ("hooks.slack.com", "discord.com", "*.webhook.office.com", "*.logic.azure.com"),
        "queries_per_account": 100,
        "other_queries_per_account": 15,
        "parallel_queries": 2,
        "query_timeout_minutes": 60,
        "query_memory_bytes": 1073741824,
        "query_rows": 100_000,
        "query_kept_days": 7,
    }


def test_the_table_and_the_result_have_the_same_names_in_the_same_order():
    assert [setting.name for setting in config.SETTINGS] == list(config.Settings.__struct_fields__)


FLAG, ENVIRONMENT, FILE = "eu-flag-1", "eu-env-1", "eu-file-1"


@pytest.mark.parametrize(
    ("flag", "environment", "file", "expected"),
    [
        pytest.param(FLAG, ENVIRONMENT, FILE, FLAG, id="the flag wins over all"),
        pytest.param(None, ENVIRONMENT, FILE, ENVIRONMENT, id="the environment wins over the file"),
        pytest.param(None, None, FILE, FILE, id="the file wins over the default"),
        pytest.param(None, None, None, "us-east-1", id="the default is last"),
        pytest.param(FLAG, None, FILE, FLAG, id="the flag wins over the file"),
        pytest.param(None, "", FILE, FILE, id="an empty variable is unset"),
    ],
)
def test_precedence(flag, environment, file, expected):
    if file:
        Path("groundwatch.toml").write_text(f'region = "{file}"\n')
    variables = {} if environment is None else {"GROUNDWATCH_REGION": environment}
    assert load({"region": flag}, variables).region == expected


@pytest.mark.parametrize(
    ("files", "flags", "environment", "named", "expected"),
    [
        pytest.param(["groundwatch.toml"], {}, {}, None, "groundwatch.toml", id="current directory"),
        pytest.param(
            ["groundwatch.toml", "data/groundwatch.toml"], {}, {}, None, "data/groundwatch.toml", id="data first"
        ),
        pytest.param(["d/groundwatch.toml"], {"data": "d"}, {}, None, "d/groundwatch.toml", id="data by flag"),
        pytest.param(
            ["d/groundwatch.toml"], {}, {"GROUNDWATCH_DATA": "d"}, None, "d/groundwatch.toml", id="data by environment"
        ),
        pytest.param(["groundwatch.toml", "x.toml"], {}, {}, "x.toml", "x.toml", id="--config replaces the search"),
        pytest.param(["x.toml"], {}, {"GROUNDWATCH_CONFIG": "x.toml"}, None, "x.toml", id="GROUNDWATCH_CONFIG"),
    ],
)
def test_which_file_is_read(files, flags, environment, named, expected):
    for number, name in enumerate(files):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(f'account = "{number:012}"\n')
    assert load(flags, environment, named).account == f"{files.index(expected):012}"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("service", "[::1]:4580", Address("::1", 4580), id="IPv6 literal"),
        pytest.param("service", "localhost:0", Address("localhost", 0), id="any free port"),
        pytest.param("tls", "off", "off", id="TLS off"),
        pytest.param("tls", "/a,/b", TlsFiles(Path("/a"), Path("/b")), id="TLS files"),
        pytest.param("events_url", "chdb:///x/y", "chdb:///x/y", id="embedded events"),
        pytest.param("events_url", "https://u:p@h:8443/db", "https://u:p@h:8443/db", id="ClickHouse server"),
        pytest.param("metadata_url", "postgresql+psycopg://h/d", "postgresql+psycopg://h/d", id="PostgreSQL driver"),
        pytest.param(
            "metadata_url", "postgresql://u:a/b?@h:1/d", "postgresql://u:a/b?@h:1/d", id="a password as it is"
        ),
        pytest.param("region", "us-gov-west-1", "us-gov-west-1", id="region of another partition"),
        pytest.param("recent_events_bytes", "2GiB", 2 * 1024**3, id="size with unit"),
        pytest.param("recent_events_bytes", "0", 0, id="size zero"),
        pytest.param(
            "notifications_url", "https://n.example/sns/", "https://n.example/sns", id="links through a proxy"
        ),
        pytest.param("smtp_url", "smtps://u:p@mail.example", "smtps://u:p@mail.example", id="mail server"),
        pytest.param("smtp_from", "Ops <ops@example.com>", "Ops <ops@example.com>", id="sender with a name"),
        pytest.param("webhook_hosts", "Chat.example, *.b.example", ("chat.example", "*.b.example"), id="chats"),
        pytest.param("webhook_hosts", "off", (), id="no chats"),
        pytest.param("data", "/srv/gw", Path("/srv/gw"), id="absolute path"),
        pytest.param(
            "outbound_allow", "10.0.0.0/8, ::1,a.internal", ("10.0.0.0/8", "::1", "a.internal"), id="destinations"
        ),
        pytest.param(
            "jwt_issuers",
            "us-east-1_a=http://login.internal:8080/realms/main, us-east-1_b=https://b.example",
            {"us-east-1_a": "http://login.internal:8080/realms/main", "us-east-1_b": "https://b.example"},
            id="issuers",
        ),
        pytest.param("upstream", "aws", (UpstreamPlace(None, None, "aws"),), id="everything at AWS"),
        pytest.param("upstream", "off,logs=off", (), id="everything here"),
        pytest.param(
            "upstream",
            "http://127.0.0.1:4566/?a=b, logs.eu-west-1=off",
            (UpstreamPlace(None, None, "http://127.0.0.1:4566/?a=b"), UpstreamPlace("logs", "eu-west-1", "off")),
            id="a URL for all but one service of one region",
        ),
        pytest.param("upstream_groups", "/aws/, /prod/", ("/aws/", "/prod/"), id="log groups"),
        pytest.param(
            "domain_owners",
            "a.example.com=111122223333, b.test=444455556666",
            {"a.example.com": "111122223333", "b.test": "444455556666"},
            id="domains of accounts",
        ),
        pytest.param("domain_owners", "any", None, id="domains for everybody"),
        pytest.param(
            "vpc_links",
            "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1=http://10.0.0.5:8080/",
            {"arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1": "http://10.0.0.5:8080"},
            id="VPC links",
        ),
        pytest.param("tls_domains", "/etc/tls", Path("/etc/tls"), id="certificates of domains"),
        pytest.param("upstream_groups", "all", (), id="all log groups"),
    ],
)
def test_values(name, text, value):
    assert getattr(load({name: text}, {}), name) == value


def test_home_directory_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert load({"data": "~/gw"}, {}).data == Path("/home/someone/gw")


@pytest.mark.parametrize(
    ("flags", "environment", "file", "message"),
    [
        pytest.param(
            {"notifications_url": "n.example"},
            {},
            "",
            "--notifications-url: 'n.example' is neither auto nor a URL; write for example https://notifications.example.com",
            id="links without scheme",
        ),
        pytest.param(
            {"smtp_url": "smtp://"},
            {},
            "",
            "--smtp-url: 'smtp://' is neither off nor smtp(s)://[USER:PASSWORD@]HOST[:PORT]",
            id="mail server without host",
        ),
        pytest.param(
            {"smtp_url": "http://u:secret@m"},
            {},
            "",
            "--smtp-url: 'http://u:***@m' is neither off nor smtp(s)://[USER:PASSWORD@]HOST[:PORT]",
            id="no mail server",
        ),
        pytest.param(
            {"smtp_from": "nobody"},
            {},
            "",
            "--smtp-from: 'nobody' is no address; write for example alerts@example.com or Alerts <alerts@example.com>",
            id="sender",
        ),
        pytest.param(
            {"webhook_hosts": "https://x"},
            {},
            "",
            "--webhook-hosts: 'https://x' has 'https://x', which is no host name; "
            "write for example hooks.slack.com,*.office.com",
            id="chat's URL",
        ),
        pytest.param(
            {"service": "4580"},
            {},
            "",
            "--service: '4580' is not HOST:PORT; write for example 127.0.0.1:4580 or [::1]:4580",
            id="port alone",
        ),
        pytest.param(
            {"service": "::1:4580"},
            {},
            "",
            "--service: '::1:4580' is not HOST:PORT; write for example 127.0.0.1:4580 or [::1]:4580",
            id="IPv6 without brackets",
        ),
        pytest.param(
            {"service": "h:65536"},
            {},
            "",
            "--service: 'h:65536' is not HOST:PORT; write for example 127.0.0.1:4580 or [::1]:4580",
            id="port out of range",
        ),
        pytest.param(
            {"service": "[h]:1"},
            {},
            "",
            "--service: '[h]:1' has no IPv6 address in its brackets; write for example [::1]:4580",
            id="name in brackets",
        ),
        pytest.param(
            {},
            {"GROUNDWATCH_TLS": "cert.pem"},
            "",
            "GROUNDWATCH_TLS: 'cert.pem' is neither auto, off nor CERT,KEY; "
            "write for example server.pem,server-key.pem",
            id="certificate without key",
        ),
        pytest.param(
            {"auth": "ofd"},
            {},
            "",
            "--auth: 'ofd' is unknown (did you mean off?); write one of iam, off",
            id="unknown word, with the nearest one",
        ),
        pytest.param(
            {"metadata_url": "postgres://me:secret@h/d"},
            {},
            "",
            "--metadata-url: 'postgres://me:***@h/d' is not a metadata URL; write sqlite:////ABSOLUTE/PATH or "
            "postgresql://USER:PASSWORD@HOST/DB",
            id="a password is not shown",
        ),
        pytest.param(
            {"events_url": "chdb://events"},
            {},
            "",
            "--events-url: 'chdb://events' is not an events URL; write chdb:///ABSOLUTE/PATH or "
            "http://HOST:8123/DATABASE",
            id="relative chdb path",
        ),
        pytest.param(
            {"data": "a#b"},
            {},
            "",
            "--data: 'a#b' is {directory}/a#b, and URLs of databases cannot hold ? # %; give a directory without these",
            id="a directory that a URL would cut",
        ),
        pytest.param(
            {"data": "a%20b"},
            {},
            "",
            "--data: 'a%20b' is {directory}/a%20b, and URLs of databases cannot hold ? # %; "
            "give a directory without these",
            id="a directory that a URL would decode",
        ),
        pytest.param(
            {"data": "~nobody-here/x"},
            {},
            "",
            "--data: '~nobody-here/x' begins with a home directory that is not known; give an absolute path",
            id="the home of nobody",
        ),
        pytest.param(
            {},
            {"GROUNDWATCH_CONFIG": "~nobody-here/x"},
            "",
            "--config: '~nobody-here/x' begins with a home directory that is not known; give an absolute path",
            id="a file at the home of nobody",
        ),
        pytest.param(
            {},
            {},
            'tls_domains = "a\\u0000"',
            "{file}: tls_domains: 'a\\x00' has a NUL, which no path may hold",
            id="a path with a NUL",
        ),
        pytest.param(
            {},
            {},
            'smtp_url = ["smtp://u:secret@h"]',
            "{file}: smtp_url must be a string in quotes, not ['smtp://u:***@h']",
            id="a password in a list is not shown",
        ),
        pytest.param(
            {"events_url": "chdb:///srv/a#b"},
            {},
            "",
            "--events-url: 'chdb:///srv/a#b' is not an events URL; write chdb:///ABSOLUTE/PATH or "
            "http://HOST:8123/DATABASE",
            id="events below a path that a URL cuts",
        ),
        pytest.param(
            {"metadata_url": "postgresql://u:a/b@h:x/d"},
            {},
            "",
            "--metadata-url: 'postgresql://u:***@h:x/d' is not a metadata URL; write sqlite:////ABSOLUTE/PATH or "
            "postgresql://USER:PASSWORD@HOST/DB",
            id="a port that is no number",
        ),
        pytest.param(
            {"jwt_issuers": "us-east-1_a"},
            {},
            "",
            "--jwt-issuers: 'us-east-1_a' is not POOL=URL; write for example "
            "us-east-1_abc=https://login.example.com/realms/main",
            id="an issuer without its URL",
        ),
        pytest.param(
            {"domain_owners": "*.example.com=111122223333"},
            {},
            "",
            "--domain-owners: '*.example.com=111122223333' is neither off, any nor DOMAIN=ACCOUNT; write for example "
            "a.example.com=111122223333",
            id="a domain is no wildcard",
        ),
        pytest.param(
            {
                "vpc_links": "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1=http://10.0.0.5/path"
            },
            {},
            "",
            "--vpc-links: 'arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/1="
            "http://10.0.0.5/path' "
            "is not ARN=URL with the ARN of a network load balancer and a URL without a path; write for example "
            "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/inner/1=http://10.0.0.5:8080",
            id="a link to a path",
        ),
        pytest.param(
            {"upstream": "Logs=aws"},
            {},
            "",
            "--upstream: 'Logs=aws' has 'Logs', which is no service; write for example logs=aws or logs.eu-west-1=aws",
            id="a service with a capital",
        ),
        pytest.param(
            {"upstream": "logs=aws,logs=off"},
            {},
            "",
            "--upstream: 'logs=aws,logs=off' names no place, or one twice; write for example aws, or "
            "aws,logs=http://127.0.0.1:4566",
            id="a service twice",
        ),
        pytest.param(
            {"upstream_groups": ","},
            {},
            "",
            "--upstream-groups: ',' is empty; write all, or for example /aws/,/prod/",
            id="no log group",
        ),
        pytest.param(
            {"outbound_allow": "10.0.0.1,10.0.0.0/99"},
            {},
            "",
            "--outbound-allow: '10.0.0.1,10.0.0.0/99' has '10.0.0.0/99', which is neither an address nor a network nor "
            "a host name",
            id="a network that is none",
        ),
        pytest.param({"data": ""}, {}, "", "--data: '' is empty; give a directory", id="empty directory"),
        pytest.param(
            {},
            {},
            "accuont = 'x'",
            "{file}: unknown setting 'accuont' (did you mean account?)",
            id="unknown key, with the nearest one",
        ),
        pytest.param({}, {}, "zzz = 1", "{file}: unknown setting 'zzz'", id="unknown key like no other"),
        pytest.param(
            {}, {}, "account = 0", "{file}: account must be a string in quotes, not 0", id="TOML integer for a string"
        ),
        pytest.param(
            {},
            {},
            "recent_events_bytes = true",
            "{file}: recent_events_bytes must be a string in quotes or an integer, not True",
            id="TOML boolean for a size",
        ),
        pytest.param(
            {},
            {},
            "recent_events_bytes = -1",
            "{file}: recent_events_bytes: '-1' is not a size; write bytes or a unit, such as 134217728 or 128MiB",
            id="negative size names file and key",
        ),
        pytest.param(
            {},
            {},
            "region = ",
            "{file} is not TOML: Invalid value (at end of document)",
            id="TOML syntax",
        ),
    ],
)
def test_mistakes(tmp_path, flags, environment, file, message):
    path = tmp_path / "groundwatch.toml"
    path.write_text(file)
    with pytest.raises(ConfigError) as caught:
        load(flags, environment)
    assert str(caught.value) == message.format(file=path, directory=tmp_path)


URL_SETTINGS = {
    "events_url": "http://{}/d",
    "kinesis_url": "http://{}",
    "s3_url": "https://{}",
    "upstream": "logs=http://{}",
    "notifications_url": "https://{}",
    "smtp_url": "smtp://{}",
    "jwt_issuers": "p=https://{}",
    "vpc_links": "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/1=http://{}",
}


@pytest.mark.parametrize("host", ["h:99999", "h:abc", "[::1"])
@pytest.mark.parametrize("name", URL_SETTINGS)
def test_a_url_with_an_impossible_address_is_refused_at_the_start(name, host):
    text = URL_SETTINGS[name].format(host)
    with pytest.raises(ConfigError, match=rf"--{name.replace('_', '-')}: '.*' (is|has) (not|neither|no) "):
        load({name: text}, {})


def test_a_data_directory_of_somebody_else_is_no_matter_of_its_file(monkeypatch):
    def fail(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", fail)
    assert load({}, {}).region == "us-east-1"


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load({}, {}, "no.toml")
    assert str(caught.value) == (
        f"cannot read {tmp_path / 'no.toml'}: No such file or directory; name another file with --config"
    )


@pytest.mark.parametrize(
    ("service", "gateway", "accepted"),
    [
        pytest.param("127.0.0.1:1", "[::1]:2", True, id="both loopback"),
        pytest.param("localhost:1", "127.9.9.9:2", True, id="localhost, and the whole 127 network"),
        pytest.param("0.0.0.0:1", "127.0.0.1:2", False, id="service on every address"),
        pytest.param("127.0.0.1:1", "[::]:2", False, id="gateway on every address"),
        pytest.param("127.0.0.1:1", "logs.example:2", False, id="a name may be public"),
    ],
)
def test_auth_off_only_on_loopback(service, gateway, accepted):
    flags = {"service": service, "gateway": gateway, "auth": "off"}
    assert load({**flags, "auth": "iam"}, {}).auth == "iam"
    if accepted:
        assert load(flags, {}).auth == "off"
    else:
        with pytest.raises(ConfigError, match=r"--auth: off accepts any credentials, but .* is not on loopback"):
            load(flags, {})


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("http://h/d", "http://h/d", id="none"),
        pytest.param("http://u@h/d", "http://u@h/d", id="user alone"),
        pytest.param("http://u:p@h/d", "http://u:***@h/d", id="password"),
        pytest.param("http://u:p@q@h/d", "http://u:***@h/d", id="password with an at sign"),
        pytest.param("http://u:p/q@h/d", "http://u:***@h/d", id="password with a slash"),
        pytest.param("http://u:p?q#r@h/d", "http://u:***@h/d", id="password with other marks"),
        pytest.param("aws=http://h:1,b=http://u:p@h", "aws=http://h:1,b=http://u:***@h", id="one of several"),
    ],
)
def test_redact_url(url, shown):
    assert config.redact_url(url) == shown


@pytest.mark.parametrize("text", ["127.0.0.1:80", "[::1]:80", "localhost:0"])
def test_an_address_prints_as_it_is_written(text):
    assert str(parse_address(text)) == text


def test_issuers_as_a_toml_table(tmp_path):
    file = tmp_path / "groundwatch.toml"
    file.write_text('[jwt_issuers]\n"us-east-1_a" = "https://a.example"\n"us-east-1_b" = "https://b.example/x"\n')
    expected = {"us-east-1_a": "https://a.example", "us-east-1_b": "https://b.example/x"}
    assert load({}, {}, str(file)).jwt_issuers == expected
