"""What a customer may send to reach another one's logs, as data.

`<token>`, `<key>` and the like stand for what the test has: the attacker's own token and key, and everything of a
victim's that is no secret, such as the id of its key, a token that is over, and a token of its pages.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple
from urllib.parse import quote

VICTIM = "acme"
GROUP = f"/customers/{VICTIM}/app"
TOKEN = ("Authorization: <token>",)
KEY = ("x-api-key: <key>",)
JSON = (*TOKEN, "Content-Type: application/json")
EVENTS, STREAM, SEARCH, KEYED = "/token/events", "/token/streams/web/events", "/token/search", "/key/events"


class Trick(NamedTuple):
    """One request; the path is that within the stage, sent as it is written."""

    name: str
    path: str
    headers: tuple[str, ...] = TOKEN
    method: str = "GET"
    body: bytes = b""


VALUES = [
    GROUP,
    f'","logGroupName":"{GROUP}',
    f'x","logGroupName":"{GROUP}","x":"',
    f'web","logGroupName":"{GROUP}',
    f'web","logGroupName":"{GROUP}","x":"',
    f'\\","logGroupName":"{GROUP}',
    f'\\\\","logGroupName":"{GROUP}',
    f"\\u0022,\\u0022logGroupName\\u0022:\\u0022{GROUP}",
    f"','logGroupName':'{GROUP}",
    f'\\\',"logGroupName":"{GROUP}',
    f'1,"logGroupName":"{GROUP}"',
    f'1\n,"logGroupName":"{GROUP}"',
    f'"}}\n{{"logGroupName":"{GROUP}"}}',
    f'"}}#stop##{{"logGroupName":"{GROUP}',
    f'\r\n","logGroupName":"{GROUP}',
    f'\u2028","logGroupName":"{GROUP}',
    f"\uff02,\uff02logGroupName\uff02:\uff02{GROUP}",
    f'x","logGroupIdentifier":"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}',
    f'x"/*","logGroupName":"{GROUP}"*/',
    f'\x00","logGroupName":"{GROUP}',
    f'\x7f\x1b","logGroupName":"{GROUP}',
    '#set($customer = "acme")',
    "#evaluate('$context.authorizer')",
    '"#set($customer="acme")$customer',
    "$context.authorizer.claims['custom:customer']",
    "$input.params('Authorization')",
    "$input.json('$')",
    "${customer}",
    "$util.parseJson('{}')",
    "#{else}acme#end/app",
    "$query.filter$query.page",
    "\\",
    '"',
    "\\x22",
    "%22%2C%22logGroupName%22%3A%22%2Fcustomers%2Facme%2Fapp",
    "null",
    '["a"]',
    '{"a":1}',
    "1e3",
    "\u0661\u0662",
    "1\u2028",
    "-1",
    "9" * 15,
    "9" * 400,
    "\ud7ff\ufffd",
    "\U0001f600",
]


def _shown(value: str) -> str:
    return ascii(value)[:60]


def _in_queries() -> list[Trick]:
    places = [(EVENTS, TOKEN, ("filter", "page", "start", "limit")), (STREAM, TOKEN, ("page", "end", "limit"))]
    places.append((KEYED, KEY, ("filter", "page", "limit")))
    return [
        Trick(f"{path} {name}={_shown(value)}", f"{path}?{name}={quote(value, safe='')}", headers)
        for path, headers, names in places
        for name, value in product(names, VALUES)
    ]


def _in_streams() -> list[Trick]:
    return [
        Trick(f"stream {_shown(value)}", f"/token/streams/{quote(value, safe='')}/events")
        for value in [*VALUES, "web ", "web\x00", "WEB", "*", "web:*", f"{GROUP}:log-stream:web"]
    ]


SEGMENTS = (
    "..",
    "%2e%2e",
    "%252e%252e",
    "..%2f..%2facme%2fapp",
    "..%252f..%252facme%252fapp",
    "..%c0%af..%c0%afacme",
    "..%5c..%5cacme",
    "%2Fcustomers%2Facme%2Fapp",
    "%252Fcustomers%252Facme%252Fapp",
    "..;/acme",
    "web%00",
    "web%0a",
    "web%0d%0aX-Amz-Target:%20Logs_20140328.DescribeLogGroups",
    "web%u0022",
    "%ff%fe",
    "%",
    "%2",
    "%zz",
    "web;logGroupName=acme",
    "web%3FlogGroupName=acme",
    "web%23",
    "{stream}",
    "%7Bstream%7D",
)
PATHS = (
    "/token/events/../../token/events",
    "/token/streams/web/events/../../../events",
    "//token//events",
    "/token/./events",
    "/token%2fevents",
    "/token%252fevents",
    "/token/events/",
    "/token/events;customer=acme",
    "/token/events%00",
    "/token/events%3fcustomer=acme",
    "/token/events#customer=acme",
    "/TOKEN/EVENTS",
    "/t%6fken/events",
    "/token/events/acme",
    "/customers/acme/app",
    "/../v1/token/events",
    "/../../v1/token/events",
    "/%2e%2e/v1/token/events",
    "/token\\events",
    "/token/events?customer=acme?customer=acme",
    "/_user_request_/token/events",
    "/test-invoke-stage/token/events",
    "/",
)
QUERIES = (
    "logGroupName=/customers/acme/app",
    "logGroupName[]=/customers/acme/app&logGroupName[]=x",
    "logGroupIdentifier=arn:aws:logs:us-east-1:000000000000:log-group:/customers/acme/app",
    "customer=acme",
    "custom:customer=acme",
    "claims.custom:customer=acme",
    "context.authorizer.claims['custom:customer']=acme",
    "authorizer[claims][custom:customer]=acme",
    "Authorization=<expired>",
    "x-api-key=<victim-id>",
    "Action=DescribeLogGroups",
    "X-Amz-Target=Logs_20140328.DescribeLogGroups",
    "filter=order&filter=%22,%22logGroupName%22:%22/customers/acme/app",
    "filter=%22,%22logGroupName%22:%22/customers/acme/app&filter=order",
    "filter[]=order&filter[0]=order&filter.0=order",
    "limit=1&limit=1%22,%22logGroupName%22:%22/customers/acme/app",
    "limit=1;limit=2",
    "filter=order;logGroupName=/customers/acme/app",
    "FILTER=order&Filter=order",
    "filter",
    "filter=&page=&limit=",
    "&&&=&=x",
    "page=<page>",
    "page=<page>&limit=1",
    "page=<forward>",
    "page=<backward>",
    "__proto__[customer]=acme",
    "%66ilter=order",
    "filter%00=order",
)
HEADERS = (
    "X-Amz-Target: Logs_20140328.DescribeLogGroups",
    "X-Amz-Target: Logs_20140328.GetLogEvents",
    "Content-Type: application/x-amz-json-1.1",
    "Content-Type: application/x-amz-json-1.0",
    "Content-Type: application/cbor",
    "Content-Type: text/plain",
    "Content-Type: application/json, text/plain",
    "Content-Type: application/json; charset=utf-7",
    'Content-Type: application/json;x="$context.authorizer"',
    "Accept: application/cbor",
    "X-HTTP-Method-Override: POST",
    "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: POST",
    "X-Method-Override: PUT",
    "X-Original-URL: /customers/acme/app",
    "X-Rewrite-URL: /customers/acme/app",
    "X-Forwarded-Host: acme.example.com",
    "X-Forwarded-Prefix: /customers/acme",
    "X-Forwarded-For: 127.0.0.1",
    "Forwarded: for=127.0.0.1;host=acme",
    "X-Amz-Security-Token: acme",
    "X-Amz-Source-Arn: arn:aws:execute-api:us-east-1:000000000000:x",
    "X-Amzn-Apigateway-Api-Id: x",
    "x-amz-date: 20200101T000000Z",
    "X-Customer: acme",
    "custom:customer: acme",
    "customer: acme",
    'claims: {"custom:customer":"acme"}',
    "logGroupName: /customers/acme/app",
    'filter: ","logGroupName":"/customers/acme/app',
    'page: ","logGroupName":"/customers/acme/app',
    'limit: 1,"logGroupName":"/customers/acme/app"',
    "stream: web",
    "x-api-key: <victim-id>",
    "Cookie: Authorization=<expired>",
    "Cache-Control: max-age=0",
    "Cache-Control: no-cache, only-if-cached",
    "If-None-Match: *",
    "Range: bytes=0-10000",
    "X-Cache-Key: acme",
    "Vary: *",
    "Connection: Authorization, x-api-key",
    "Expect: 100-continue",
    "Upgrade: h2c",
    "Content-Encoding: gzip",
    "Accept-Encoding: gzip",
    "X-Amz-Invocation-Type: Event",
    'X-Amzn-Trace-Id: Root=1;"logGroupName":"/customers/acme/app"',
)
HOSTS = (
    "acme",
    "<api>.execute-api.us-east-1.amazonaws.com",
    "x<api>.execute-api.us-east-1.amazonaws.com",
    "<api>.execute-api.localhost",
    "localhost/customers/acme",
    "localhost@acme",
    "127.0.0.1:1",
    "",
    "\u00e4",
)
WHO = [
    Trick("nobody", EVENTS, ()),
    Trick("nobody, a stream", STREAM, ()),
    Trick("nobody, a key's path", KEYED, ()),
    Trick("a key for a token's path", EVENTS, KEY),
    Trick("a token for a key's path", KEYED, TOKEN),
    Trick("an empty token", EVENTS, ("Authorization: ",)),
    Trick("the victim's old token", EVENTS, ("Authorization: <expired>",)),
    Trick("the same with its scheme", EVENTS, ("Authorization: Bearer <expired>",)),
    Trick("the victim's old token, then one's own", EVENTS, ("Authorization: <expired>", *TOKEN)),
    Trick("one's own token, then the victim's old one", EVENTS, (*TOKEN, "Authorization: <expired>")),
    Trick("both in one header", EVENTS, ("Authorization: <token>, <expired>",)),
    Trick("both in one header, the other way", EVENTS, ("Authorization: <expired>,<token>",)),
    Trick("another spelling of the header", EVENTS, ("aUTHORIZATION: <expired>", *TOKEN)),
    Trick("a folded header", EVENTS, ("Authorization: <token>\r\n <expired>",)),
    Trick("a header with an underscore", EVENTS, (*TOKEN, "Author_ization: <expired>")),
    Trick("a blank before the colon", EVENTS, (*TOKEN, "Authorization : <expired>")),
    Trick("the id of the victim's key", KEYED, ("x-api-key: <victim-id>",)),
    Trick("the name of the victim's key", KEYED, ("x-api-key: acme",)),
    Trick("the key of another usage plan", KEYED, ("x-api-key: <elsewhere>",)),
    Trick("a key without a plan", KEYED, ("x-api-key: <planless>",)),
    Trick("a key that is disabled", KEYED, ("x-api-key: <disabled>",)),
    Trick("an empty key", KEYED, ("x-api-key: ",)),
    Trick("two keys", KEYED, ("x-api-key: <victim-id>", *KEY)),
    Trick("two keys, the other way", KEYED, (*KEY, "x-api-key: <victim-id>")),
    Trick("two keys in one header", KEYED, ("x-api-key: <key>, <victim-id>",)),
    Trick("a key in the query", f"{KEYED}?x-api-key=<key>", ()),
    Trick("a pattern for a key", KEYED, ("x-api-key: %",)),
    Trick("a key as bearer", KEYED, ("Authorization: Bearer <key>",)),
    Trick("HEAD", EVENTS, TOKEN, "HEAD"),
    Trick("HEAD with the victim's old token", EVENTS, ("Authorization: <expired>",), "HEAD"),
    Trick("HEAD, a key's path", KEYED, KEY, "HEAD"),
    Trick("another verb", EVENTS, TOKEN, "POST"),
    Trick("OPTIONS", EVENTS, (), "OPTIONS"),
    Trick("TRACE", EVENTS, TOKEN, "TRACE"),
    Trick("a verb in lower case", EVENTS, TOKEN, "get"),
    Trick("the search by GET", SEARCH),
    Trick("GET with a body", EVENTS, JSON, body=b'{"logGroupName":"/customers/acme/app"}'),
    Trick("GET of a stream with a body", STREAM, JSON, body=b'{"logGroupName":"/customers/acme/app"}'),
    Trick("the victim's question in another order", f"{EVENTS}?limit=10&filter=order"),
    Trick("the victim's question as it was", f"{EVENTS}?filter=order&limit=10"),
    Trick("the victim's question, with the key", f"{KEYED}?filter=order&limit=10", KEY),
]
BODIES = (
    '{"filter":"order","filter":"\\",\\"logGroupName\\":\\"/customers/acme/app"}',
    '{"filter":"order","logGroupName":"/customers/acme/app"}',
    '{"logGroupName":"/customers/acme/app"}',
    '{"\\u006cogGroupName":"/customers/acme/app"}',
    '{"filter":{"logGroupName":"/customers/acme/app"}}',
    '{"filter":["a","logGroupName"]}',
    '{"filter":"\\u0022,\\u0022logGroupName\\u0022:\\u0022/customers/acme/app"}',
    '{"filter":"\\\\\\",\\"logGroupName\\":\\"/customers/acme/app"}',
    '{"filter":"\\n\\u2028#set($customer=\\"acme\\")$customer"}',
    '{"filter":"$input.json(\'$\')"}',
    '{"filter":"$context.authorizer.claims"}',
    '{"page":"<page>"}',
    '{"page":"\\",\\"logGroupName\\":\\"/customers/acme/app"}',
    '{"filter":null,"page":null}',
    '{"filter":1}',
    '{"filter":NaN}',
    '[{"filter":"order"},{"logGroupName":"/customers/acme/app"}]',
    '"logGroupName"',
    "",
    "{",
    "null",
    '{"filter":"order"}{"logGroupName":"/customers/acme/app"}',
    '{"filter":"order"}\n,"logGroupName":"/customers/acme/app"}',
    '{"filter":"order",}',
    '{"filter":"order"/*"*/,"logGroupName":"/customers/acme/app"}',
    "{'filter':'order'}",
    '\ufeff{"filter":"order"}',
    '{"filter\\u0000":"order"}',
    '{"Filter":"order"}',
    '{"__proto__":{"filter":"order"}}',
    '{"filter":"\\ud800"}',
    '{"$.filter":"order"}',
)
SEARCHED_AS = (
    "text/plain",
    "application/xml",
    "application/x-amz-json-1.1",
    "application/x-www-form-urlencoded",
    "application/json; charset=utf-16",
    "multipart/form-data; boundary=x",
    "APPLICATION/JSON",
    "",
)


def _requests() -> list[Trick]:
    found = [*_in_queries(), *_in_streams()]
    found += [Trick(f"segment {each}", f"/token/streams/{each}/events") for each in SEGMENTS]
    found += [Trick(f"path {each}", each) for each in PATHS]
    found += [Trick(f"{path}?{each}", f"{path}?{each}") for path in (EVENTS, STREAM) for each in QUERIES]
    found += [Trick(f"{KEYED}?{each}", f"{KEYED}?{each}", KEY) for each in QUERIES]
    found += [Trick(each, EVENTS, (*TOKEN, each)) for each in HEADERS]
    found += [Trick(f"{each}, with a key", KEYED, (*KEY, each)) for each in HEADERS]
    found += [Trick(f"host {each}", EVENTS, (*TOKEN, f"Host: {each}")) for each in HOSTS]
    found += [Trick(f"body {each}", SEARCH, JSON, "POST", each.encode()) for each in BODIES]
    body = b'{"logGroupName":"/customers/acme/app"}'
    found += [Trick(f"body as {each}", SEARCH, (*TOKEN, f"Content-Type: {each}"), "POST", body) for each in SEARCHED_AS]
    found.append(
        Trick("a body in UTF-16", SEARCH, JSON, "POST", '{"logGroupName":"/customers/acme/app"}'.encode("utf-16"))
    )
    return found + WHO


TRICKS = _requests()

LOOKALIKES = [
    "Acme",
    "ACME",
    "acme ",
    " acme",
    "acme\x00",
    "\x00acme",
    "acme.",
    "acme/",
    "acme\n",
    "acme\r",
    "acme\t",
    "acme\u00a0",
    "acme\u200b",
    "acme\u2028",
    "\ufeffacme",
    "acme\u0301",
    "\uff41\uff43\uff4d\uff45",
    "\u0430cme",
    "a\u0441me",
    "acm\u0435",
    "\u24d0\u24d2\u24dc\u24d4",
    "\U0001d41a\U0001d41c\U0001d426\U0001d41e",
    "acme%00",
    "%61cme",
    "acme\\u0000",
    "\\u0061cme",
    "acme/app",
    "/acme",
    "../acme",
    "globex/../acme",
    "globex/app/../../acme",
    "./acme",
    "acme\\",
    'acme"',
    'acme/app","logStreamNames":["web"],"x":"',
    'acme/app"}',
    "acme'",
    "*",
    "acme*",
    "acm?",
    "${acme}",
    "$customer",
    "#set($customer='acme')acme",
    "arn:aws:logs:us-east-1:000000000000:log-group:/customers/acme",
    "acme:*",
    "-acme",
    "acme-",
    "!",
    "",
    "key-<victim-id>",
    "a" * 64,
    ["acme", "globex"],
    ["globex", "acme"],
    {"acme": "acme"},
    True,
    0,
    # Upper and lower case of `i` differ from language to language.
    "\u0130nitech",
    "\u0131nitech",
    "INITECH",
    "\uff49nitech",
    # One letter that becomes two, or another, when it is folded.
    "\u017fnitech",
    "\u212aelvin",
    None,
]
"""Claims of a customer whose name only looks like a victim's."""
