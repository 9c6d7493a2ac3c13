"""Whatever a form holds, the answer is one that the service has: never an internal error, never a dead lane."""

import asyncio
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.notifications.conftest import ACCOUNT, MODEL, REGION

from groundwatch.aws.context import Principal
from groundwatch.aws.http import WireRequest

ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
ROOT = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", "Account", ACCOUNT)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            *(
                ARN,
                f"{ARN}:11111111-2222-3333-4444-555555555555",
                f"{ARN}:x",
                "arn:aws:sns:::",
                ":" * 9,
                "true",
                "json",
            ),
            *(
                "http",
                "https",
                "https://a.example",
                "https://[::1",
                "http://a:b@c:99999/",
                "https://\u0130.example",
                "{}",
            ),
            *("FilterPolicy", "FilterPolicyScope", "MessageBody", "DeliveryPolicy", "Policy", "RawMessageDelivery"),
            *(
                '{"a":["b"]}',
                '{"a":[{"numeric":[">",1]}]}',
                '{"$or":[]}',
                '{"default":"x"}',
                '{"default":1}',
                "[" * 9999,
            ),
            *(
                '{"http":{"defaultHealthyRetryPolicy":{"numRetries":1e99}}}',
                '{"healthyRetryPolicy":null}',
                "NaN",
                "1e999",
            ),
            *(
                "WebhookTemplate",
                '{"a":"${message.x}"}',
                "String",
                "Number",
                "String.Array",
                "Binary",
                "9" * 5000,
                "\ud7ff",
            ),
        ]
    ),
)
SUFFIXES = [
    *("", ".member.1", ".member.2", ".entry.1.key", ".entry.1.value", ".entry.1.Name", ".entry.1.Value.DataType"),
    *(".entry.1.Value.StringValue", ".entry.1.Value.BinaryValue", ".member.1.Id", ".member.1.Message", ".member.1.Key"),
    *(".member.1.Value", ".member.1.Subject", ".member.1.MessageStructure", ".member.x", ".entry"),
]


@st.composite
def forms(draw):
    name = draw(st.sampled_from(sorted(MODEL.operation_names)))
    shape = MODEL.operation_model(name).input_shape
    fields = [("Action", name)]
    for member in shape.members if shape is not None else ():
        # Often right, so that more than the first check is reached.
        value = st.just(ARN) if member in {"TopicArn", "ResourceArn"} else TEXTS
        suffixes = draw(st.lists(st.sampled_from(SUFFIXES), min_size=1, max_size=4))
        fields += [(f"{member}{suffix}", draw(st.one_of(value, TEXTS))) for suffix in suffixes]
    return fields


@pytest.mark.parametrize("signed", [True, False])
async def test_any_form(world, signed):
    topic, loop = await world.topic(), asyncio.get_running_loop()
    assert topic == ARN

    @settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None)
    @given(forms())
    def try_one(fields):
        body = urlencode(fields, errors="surrogatepass").encode()
        head = (("content-type", "application/x-www-form-urlencoded"),)
        request = WireRequest("POST", "/", "", head, body, "127.0.0.1")
        call = world.port.call("sns", request, ROOT, region=REGION) if signed else world.port.handle(request)
        answer = asyncio.run_coroutine_threadsafe(call, loop).result(20)
        assert answer.status < 500 or answer.status == 501, (fields, answer.body)

    await asyncio.to_thread(try_one)
