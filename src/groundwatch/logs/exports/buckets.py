"""Buckets of the S3 service that the operator has set: AWS's own or any that speaks its protocol.

Objects are written with the credentials of this process, found as the SDK finds them (environment, shared files,
instance role). Log groups of every account can be exported to every bucket that those credentials may write to.
"""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from groundwatch.logs.sdk_clients import SdkClients

OFF = "off"
AWS = "aws"
THREADS = 8
# Between two packets, not for the whole upload. A stop of the server waits for an upload that hangs.
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 10
BUCKET_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,254}")
"""As S3 names buckets. The SDK would take access points and other ARNs too, which lead to other hosts."""
RETRYABLE_CODES = frozenset({"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "ExpiredToken"})
MISSING_CODES = frozenset({"NoSuchBucket", "InvalidBucketName"})
DENIED_CODES = frozenset({"AccessDenied", "AllAccessDisabled", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class BucketError(Exception):
    """An object was not taken; `retryable` says whether it may be taken later. The text may be shown to clients."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class NotSetUpError(BucketError):
    """The operator has set no endpoint, or the process has no credentials for it."""

    def __init__(self, message: str) -> None:
        super().__init__("NotSetUp", message)


class Buckets:
    """Clients of S3, a region each. `url` is `off`, `aws` or the URL of a service that speaks S3."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = botocore.session.Session()
        self._clients = SdkClients()
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="exports")

    async def put(self, region: str, bucket: str, key: str, body: IO[bytes] | bytes) -> None:
        """Write an object, once. Raises BucketError."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._executor, self._put, region, bucket, key, body)

    def close(self) -> None:
        """Close the connections; an upload that runs ends by its timeouts."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._clients.close()

    def _put(self, region: str, bucket: str, key: str, body: IO[bytes] | bytes) -> None:
        if not BUCKET_NAME.fullmatch(bucket):
            raise BucketError("InvalidBucketName", "The name of the bucket is not valid.")
        client = self._client(region)
        try:
            client.put_object(Bucket=bucket, Key=key, Body=body)
        except ClientError as error:
            raise _refusal(error) from error
        except BotoCoreError as error:
            # No connection, or no answer in time. The SDK's text names hosts that only the operator should see.
            raise BucketError(type(error).__name__, "The bucket's service does not answer.", retryable=True) from error

    def _client(self, region: str) -> Any:  # noqa: ANN401 - botocore makes its clients at run time
        if self._url == OFF:
            raise NotSetUpError("This server has no S3 endpoint to export to; its operator sets it with --s3-url.")
        try:
            return self._clients.find("s3", region, lambda: self._connect(region))
        except (BotoCoreError, ValueError) as error:
            raise BucketError(type(error).__name__, f"There are no buckets in the region '{region}'.") from error

    def _connect(self, region: str) -> Any:  # noqa: ANN401 - as above
        if self._session.get_credentials() is None:
            raise NotSetUpError(
                "This server has no credentials to export with; its operator sets AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, a profile or an instance role."
            )
        url = None if self._url == AWS else self._url
        config = Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            # The runner repeats what failed, where a stop of the server can interrupt it.
            retries={"total_max_attempts": 1},
            # Other makers' services seldom have a host name for each bucket, or know the newer checksum trailers.
            s3={"addressing_style": "path" if url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return self._session.create_client("s3", region_name=region, endpoint_url=url, config=config)


def _refusal(error: ClientError) -> BucketError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    retryable = status >= 500 or status == 429 or code in RETRYABLE_CODES
    return BucketError(code, f"The bucket refused an object: {code or status}.", retryable=retryable)
