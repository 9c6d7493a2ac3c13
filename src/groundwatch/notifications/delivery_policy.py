"""When a delivery is tried again: delivery policies of topics and subscriptions, and the delays that follow from them.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html; the curves of the back-off functions are
not documented beyond their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from groundwatch.notifications.errors import invalid

MAX_TOTAL_S = 3600
MAX_RETRIES = 100
DEFAULT_CONTENT_TYPE = "text/plain; charset=UTF-8"
CONTENT_TYPES = frozenset(
    {
        *("application/atom+xml", "application/json", "application/octet-stream", "application/soap+xml"),
        *("application/x-www-form-urlencoded", "application/xhtml+xml", "application/xml"),
        *("text/css", "text/csv", "text/html", "text/plain", "text/xml"),
    }
)
"""The media types that the guide lists for `headerContentType`; any may have a charset."""


class RetryPolicy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, omit_defaults=False):
    """Four phases: at once, at the least distance, growing, at the greatest distance. Delays are seconds."""

    min_delay_target: int = 20
    max_delay_target: int = 20
    num_retries: int = 3
    num_max_delay_retries: int = 0
    num_no_delay_retries: int = 0
    num_min_delay_retries: int = 0
    backoff_function: Literal["linear", "arithmetic", "geometric", "exponential"] = "linear"

    def delay_s(self, retry: int) -> float | None:
        """Return how long to wait before a retry, counted from 1; None when there are no more."""
        if retry > self.num_retries:
            return None
        if retry <= self.num_no_delay_retries:
            return 0.0
        step = retry - self.num_no_delay_retries - self.num_min_delay_retries
        if step <= 0:
            return float(self.min_delay_target)
        fixed = self.num_no_delay_retries + self.num_min_delay_retries + self.num_max_delay_retries
        steps = self.num_retries - fixed
        if step > steps:
            return float(self.max_delay_target)
        return _CURVES[self.backoff_function](self.min_delay_target, self.max_delay_target, step - 1, max(1, steps - 1))

    @property
    def total_s(self) -> float:
        """How long all retries take together."""
        return sum(self.delay_s(retry) or 0.0 for retry in range(1, self.num_retries + 1))


class ThrottlePolicy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """How fast an endpoint may be called."""

    max_receives_per_second: int | None = None


class RequestPolicy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What requests look like."""

    header_content_type: str = DEFAULT_CONTENT_TYPE


class DeliveryPolicy(msgspec.Struct, frozen=True):
    """What counts for one subscription."""

    retries: RetryPolicy = RetryPolicy()
    throttle: ThrottlePolicy | None = None
    request: RequestPolicy = RequestPolicy()


class _TopicHttp(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    default_healthy_retry_policy: RetryPolicy | None = None
    disable_subscription_overrides: bool = False
    default_throttle_policy: ThrottlePolicy | None = None
    default_request_policy: RequestPolicy | None = None


class _TopicPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    http: _TopicHttp = _TopicHttp()


class _SubscriptionPolicy(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    healthy_retry_policy: RetryPolicy | None = None
    sickly_retry_policy: RetryPolicy | None = None
    throttle_policy: ThrottlePolicy | None = None
    request_policy: RequestPolicy | None = None
    guaranteed: bool = False


MAIL_RETRIES = RetryPolicy(
    min_delay_target=10,
    max_delay_target=600,
    num_retries=50,
    num_max_delay_retries=38,
    num_min_delay_retries=2,
    backoff_function="exponential",
)
"""The guide's row for SMTP: some six hours."""
FUNCTION_RETRIES = RetryPolicy(
    min_delay_target=1,
    max_delay_target=20,
    num_retries=180,
    num_max_delay_retries=165,
    num_no_delay_retries=3,
    num_min_delay_retries=2,
    backoff_function="exponential",
)
"""The guide's row for functions with its last phase cut from 23 days to an hour."""


def _linear(low: int, high: int, step: int, last: int) -> float:
    return low + (high - low) * step / last


def _arithmetic(low: int, high: int, step: int, last: int) -> float:
    # Each step is longer than the one before by the same amount.
    return low + (high - low) * step * (step + 1) / (last * (last + 1))


def _geometric(low: int, high: int, step: int, last: int) -> float:
    return float(low * (high / low) ** (step / last))


def _exponential(low: int, high: int, step: int, last: int) -> float:
    return low + (high - low) * (2.0**step - 1) / (2.0**last - 1)


_CURVES: Mapping[str, Callable[[int, int, int, int], float]] = {
    "linear": _linear,
    "arithmetic": _arithmetic,
    "geometric": _geometric,
    "exponential": _exponential,
}


def check_topic_policy(text: str) -> None:
    """Return when `text` is a topic's delivery policy; raise `InvalidParameter`."""
    http = _decode(text, _TopicPolicy).http
    _check(http.default_healthy_retry_policy, http.default_throttle_policy, http.default_request_policy)


def check_subscription_policy(text: str) -> None:
    """Return when `text` is a subscription's delivery policy; raise `InvalidParameter`."""
    policy = _decode(text, _SubscriptionPolicy)
    _check(policy.healthy_retry_policy, policy.throttle_policy, policy.request_policy)


def effective_policy(topic: Mapping[str, str], subscription: Mapping[str, str]) -> DeliveryPolicy:
    """Return what counts for a subscription over http or https, given the attributes of both."""
    general = _topic_http(topic)
    own = _SubscriptionPolicy()
    if subscription.get("DeliveryPolicy") and not general.disable_subscription_overrides:
        own = _decode(subscription["DeliveryPolicy"], _SubscriptionPolicy)
    return DeliveryPolicy(
        retries=own.healthy_retry_policy or general.default_healthy_retry_policy or RetryPolicy(),
        throttle=own.throttle_policy or general.default_throttle_policy,
        request=own.request_policy or general.default_request_policy or RequestPolicy(),
    )


def effective_topic_text(topic: Mapping[str, str]) -> str:
    """Return the attribute EffectiveDeliveryPolicy of a topic."""
    general = _topic_http(topic)
    http: dict[str, object] = {
        "defaultHealthyRetryPolicy": general.default_healthy_retry_policy or RetryPolicy(),
        "disableSubscriptionOverrides": general.disable_subscription_overrides,
        "defaultRequestPolicy": general.default_request_policy or RequestPolicy(),
    }
    if general.default_throttle_policy is not None:
        http["defaultThrottlePolicy"] = general.default_throttle_policy
    return msgspec.json.encode({"http": http}).decode()


def effective_subscription_text(topic: Mapping[str, str], subscription: Mapping[str, str]) -> str:
    """Return the attribute EffectiveDeliveryPolicy of a subscription."""
    policy = effective_policy(topic, subscription)
    shown: dict[str, object] = {
        "healthyRetryPolicy": policy.retries,
        "sicklyRetryPolicy": None,
        "throttlePolicy": policy.throttle,
        "requestPolicy": policy.request,
        "guaranteed": False,
    }
    return msgspec.json.encode(shown).decode()


def _topic_http(topic: Mapping[str, str]) -> _TopicHttp:
    return _decode(topic["DeliveryPolicy"], _TopicPolicy).http if topic.get("DeliveryPolicy") else _TopicHttp()


def _decode(text: str, kind: type[Any]) -> Any:  # noqa: ANN401 - one of the kinds above
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise _refused(str(error)) from error


def _check(retries: RetryPolicy | None, throttle: ThrottlePolicy | None, request: RequestPolicy | None) -> None:
    if retries is not None:
        _check_retries(retries)
    rate = throttle.max_receives_per_second if throttle is not None else None
    if rate is not None and rate < 1:
        raise _refused("maxReceivesPerSecond must be at least 1")
    if request is not None and not _is_content_type(request.header_content_type):
        raise _refused("headerContentType is not a supported content type")


def _check_retries(policy: RetryPolicy) -> None:
    for name in ("min_delay_target", "max_delay_target"):
        if not 1 <= getattr(policy, name) <= MAX_TOTAL_S:
            raise _refused(f"{name.replace('_d', 'D').replace('_t', 'T')} must be between 1 and {MAX_TOTAL_S}")
    if policy.max_delay_target < policy.min_delay_target:
        raise _refused("maxDelayTarget must be greater than or equal to minDelayTarget")
    phases = (policy.num_max_delay_retries, policy.num_no_delay_retries, policy.num_min_delay_retries)
    if not 0 <= policy.num_retries <= MAX_RETRIES or min(phases) < 0 or sum(phases) > policy.num_retries:
        raise _refused(f"numRetries must be between 0 and {MAX_RETRIES} and hold the retries of all phases")
    if policy.total_s > MAX_TOTAL_S:
        raise _refused(f"the retries take more than {MAX_TOTAL_S} seconds together")


def _is_content_type(text: str) -> bool:
    media, semicolon, charset = text.partition(";")
    name = charset.strip().lower()
    known = not semicolon or (name.startswith("charset=") and name[8:].replace("-", "").isalnum() and name.isascii())
    return media.strip().lower() in CONTENT_TYPES and known


def _refused(reason: str) -> Exception:
    return invalid("Attributes", f"DeliveryPolicy: {reason}")
