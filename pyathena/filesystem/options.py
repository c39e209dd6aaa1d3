"""From keyword arguments with S3's names to the options of the seam. Pure functions.

A filesystem and a call may say ``ServerSideEncryption="aws:kms"`` or any other parameter of an S3 request; each request
takes those that it knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

from pyathena.transport.values import CopyOptions, CustomerKey, DeleteOptions, GetOptions, PutOptions, RequestOptions

__all__ = ["Arguments", "begin_options", "complete_options", "part_options", "refuse_unknown"]

O = TypeVar("O", bound=RequestOptions)  # noqa: E741 - an options class

# S3's names of what has a field among our options; what stands here for an options class is what it takes.
_REQUEST: Final = {"ExpectedBucketOwner": "expected_bucket_owner"}
_GET: Final = {
    **_REQUEST,
    "IfMatch": "if_match",
    "IfNoneMatch": "if_none_match",
    "IfModifiedSince": "if_modified_since",
    "IfUnmodifiedSince": "if_unmodified_since",
}
_PUT: Final = {
    **_REQUEST,
    "IfMatch": "if_match",
    "IfNoneMatch": "if_none_match",
    "ContentType": "content_type",
    "ContentEncoding": "content_encoding",
    "ContentDisposition": "content_disposition",
    "ContentLanguage": "content_language",
    "CacheControl": "cache_control",
    "Metadata": "metadata",
    "ACL": "acl",
    "StorageClass": "storage_class",
    "ServerSideEncryption": "server_side_encryption",
    "SSEKMSKeyId": "kms_key_id",
}
_COPY: Final = {
    **_PUT,
    "CopySourceIfMatch": "source_if_match",
    "MetadataDirective": "metadata_directive",
    "TaggingDirective": "tagging_directive",
}

# Those without one go as they are, to the requests that have them.
_GET_EXTRA: Final = frozenset(
    {
        "ChecksumMode",
        "ResponseCacheControl",
        "ResponseContentDisposition",
        "ResponseContentEncoding",
        "ResponseContentLanguage",
        "ResponseContentType",
        "ResponseExpires",
    }
)
_PUT_EXTRA: Final = frozenset(
    {
        "BucketKeyEnabled",
        "ChecksumAlgorithm",
        "Expires",
        "GrantFullControl",
        "GrantRead",
        "GrantReadACP",
        "GrantWriteACP",
        "ObjectLockLegalHoldStatus",
        "ObjectLockMode",
        "ObjectLockRetainUntilDate",
        "SSEKMSEncryptionContext",
        "WebsiteRedirectLocation",
    }
)
_COPY_EXTRA: Final = _PUT_EXTRA | {
    "CopySourceIfModifiedSince",
    "CopySourceIfNoneMatch",
    "CopySourceIfUnmodifiedSince",
    "ExpectedSourceBucketOwner",
}
_PART_EXTRA: Final = frozenset({"ChecksumAlgorithm"})
_LIST_EXTRA: Final = frozenset({"FetchOwner", "OptionalObjectAttributes"})
_DELETE_EXTRA: Final = frozenset({"BypassGovernanceRetention", "MFA"})

# These take part in more than one field.
_SPECIAL: Final = frozenset(
    {
        "RequestPayer",
        "Tagging",
        "SSECustomerAlgorithm",
        "SSECustomerKey",
        "SSECustomerKeyMD5",  # computed anew
        "CopySourceSSECustomerAlgorithm",
        "CopySourceSSECustomerKey",
        "CopySourceSSECustomerKeyMD5",
    }
)
_KNOWN: Final = frozenset(_GET) | frozenset(_COPY) | _GET_EXTRA | _COPY_EXTRA | _LIST_EXTRA | _DELETE_EXTRA | _SPECIAL


def refuse_unknown(arguments: Iterable[str], caller: str) -> None:
    """Raise a `TypeError` that names the arguments, if there are any."""
    said = sorted(arguments)
    if said:
        hint = "; of an event loop knows AioS3FileSystem" if {"asynchronous", "loop"} & set(said) else ""
        raise TypeError(f"{caller} got unknown arguments: {', '.join(said)}{hint}")


class Arguments:
    """Parameters of S3's requests by S3's names, and ``requester_pays``.

    Args:
        given: names and values; None counts as not given.
        caller: who got them, for the error.

    Raises:
        TypeError: a name is that of no parameter of S3's.
    """

    def __init__(self, given: Mapping[str, Any] = MappingProxyType({}), caller: str = "the filesystem") -> None:
        refuse_unknown(given.keys() - _KNOWN - {"requester_pays"}, caller)
        self._given = {name: value for name, value in given.items() if value is not None}

    def with_(self, more: Mapping[str, Any], caller: str) -> Arguments:
        """Return these and more; what is in both is as in ``more``, where None takes it away."""
        if not more:
            return self
        return Arguments({**self._given, **more}, caller)

    def request(self) -> RequestOptions:
        """Return the options that every request takes."""
        return self._options(RequestOptions(), _REQUEST, frozenset())

    def list(self) -> RequestOptions:
        """Return options for listings."""
        return self._options(RequestOptions(), _REQUEST, _LIST_EXTRA)

    def list_versions(self) -> RequestOptions:
        """Return options for listings of versions."""
        return self._options(RequestOptions(), _REQUEST, _LIST_EXTRA - {"FetchOwner"})

    def delete(self) -> DeleteOptions:
        """Return options for DeleteObjects. What is deleted is known: only what is not is to be told."""
        return self._options(DeleteOptions(quiet=True), _REQUEST, _DELETE_EXTRA)

    def get(self) -> GetOptions:
        """Return options for HeadObject and GetObject."""
        return self._options(GetOptions(customer_key=self._customer_key()), _GET, _GET_EXTRA)

    def put(self, **ours: Any) -> PutOptions:
        """Return options for writing; what is said here is a default, what the caller said wins."""
        options = PutOptions(customer_key=self._customer_key(), tags=self._tags(), **ours)
        return self._options(options, _PUT, _PUT_EXTRA)

    def copy(self, **ours: Any) -> CopyOptions:
        """Return options for copying; what is said here is a default, what the caller said wins."""
        options = CopyOptions(
            customer_key=self._customer_key(),
            source_customer_key=self._customer_key("CopySource") or self._customer_key(),
            tags=self._tags(),
            **ours,
        )
        return self._options(options, _COPY, _COPY_EXTRA)

    def over(self, options: CopyOptions) -> CopyOptions:
        """Return these options with what was said in the place of theirs."""
        return self._options(options, _COPY, _COPY_EXTRA)

    def _options(self, options: O, names: Mapping[str, str], extra: frozenset[str]) -> O:
        said = {names[name]: value for name, value in self._given.items() if name in names}
        rest = {name: value for name, value in self._given.items() if name in extra}
        pays = bool(self._given.get("requester_pays")) or self._given.get("RequestPayer") == "requester"
        if not said and not rest and not pays:
            return options
        return replace(
            options,
            **said,
            requester_pays=pays or options.requester_pays,
            extra_args={**options.extra_args, **rest},
        )

    def _customer_key(self, prefix: str = "") -> CustomerKey | None:
        key = self._given.get(f"{prefix}SSECustomerKey")
        if key is None:
            return None
        algorithm = self._given.get(f"{prefix}SSECustomerAlgorithm", "AES256")
        return CustomerKey(key.encode() if isinstance(key, str) else bytes(key), algorithm)

    def _tags(self) -> Mapping[str, str]:
        tags = self._given.get("Tagging", "")
        return dict(parse_qsl(tags, keep_blank_values=True)) if isinstance(tags, str) else tags


def request_options(options: RequestOptions) -> RequestOptions:
    """Return what every request about the same object takes, such as the abort of an upload: who pays and who owns."""
    return RequestOptions(requester_pays=options.requester_pays, expected_bucket_owner=options.expected_bucket_owner)


def part_options(options: PutOptions) -> PutOptions:
    """Return what the parts of an upload that was begun with these options take."""
    rest = {name: value for name, value in options.extra_args.items() if name in _PART_EXTRA}
    return PutOptions(
        requester_pays=options.requester_pays,
        expected_bucket_owner=options.expected_bucket_owner,
        customer_key=options.customer_key,
        extra_args=rest,
    )


def complete_options(options: PutOptions) -> PutOptions:
    """Return what the end of an upload that was begun with these options takes: above all its conditions."""
    return replace(part_options(options), if_match=options.if_match, if_none_match=options.if_none_match, extra_args={})


def begin_options(options: PutOptions) -> PutOptions:
    """Return what the begin of an upload takes: no conditions, and of a copy's options what writing has."""
    kept = {field.name: getattr(options, field.name) for field in fields(PutOptions)}
    kept["extra_args"] = {name: value for name, value in options.extra_args.items() if name in _PUT_EXTRA}
    return replace(PutOptions(**kept), if_match=None, if_none_match=None)
