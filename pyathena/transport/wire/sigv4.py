"""AWS Signature Version 4 for S3, in the headers of a request.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

__all__ = ["EMPTY_PAYLOAD", "UNSIGNED_PAYLOAD", "Credentials", "Signer"]

EMPTY_PAYLOAD: Final = hashlib.sha256().hexdigest()
"""The payload hash of a request without a body."""
UNSIGNED_PAYLOAD: Final = "UNSIGNED-PAYLOAD"
"""Stands in the place of a payload hash where TLS and a checksum protect the body."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What requests are signed with. Shows no secret."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Signer:
    """Signs requests to one service in one region with one pair of credentials.

    Args:
        credentials: what to sign with.
        region: AWS region of the endpoint.
        service: the service's name in signatures, ``s3`` but for the likes of Outposts.
    """

    def __init__(self, credentials: Credentials, region: str, service: str = "s3") -> None:
        self.credentials = credentials
        self.region = region
        self.service = service
        self._key_of_the_day = ("", b"")

    def signed(
        self, method: str, path: str, query: str, headers: Mapping[str, str], payload_hash: str, *, now: float
    ) -> dict[str, str]:
        """Return the headers with those that sign them.

        Args:
            method: of HTTP, in upper case.
            path: percent-encoded, exactly as it will be sent.
            query: percent-encoded and in the order of its bytes, each name with ``=``, exactly as it will be sent.
            headers: all that are to be signed, ``host`` among them: names in lower case, values without white space
                around them or twice in a row.
            payload_hash: hexadecimal SHA-256 of the body, or `UNSIGNED_PAYLOAD`.
            now: seconds since 1970. S3 refuses signatures that are more than 15 minutes off.
        """
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        day = at[:8]
        signed = {**headers, "x-amz-content-sha256": payload_hash, "x-amz-date": at}
        if self.credentials.token is not None:
            signed["x-amz-security-token"] = self.credentials.token
        names = sorted(signed)
        listed = ";".join(names)
        lines = "".join([f"{name}:{signed[name]}\n" for name in names])
        canonical = f"{method}\n{path}\n{query}\n{lines}\n{listed}\n{payload_hash}"
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._key(day), to_sign.encode(), "sha256").hex()
        signed["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.credentials.access_key}/{scope}, "
            f"SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _key(self, day: str) -> bytes:
        known, key = self._key_of_the_day
        if known != day:
            key = f"AWS4{self.credentials.secret_key}".encode()
            for part in (day, self.region, self.service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key_of_the_day = day, key
        return key
