"""From keyword arguments with S3's names to the options of the seam. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyathena.transport.values import PutOptions

__all__ = ["put_options", "refuse_unknown"]

_PUT_FIELDS: Final = {
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


def put_options(arguments: Mapping[str, Any], caller: str) -> PutOptions:
    """Return options from arguments by S3's names (``ContentType=…``, ``ServerSideEncryption=…``).

    Names of S3 that have no field of their own become ``extra_args``, which the transport honours or refuses.

    Raises:
        TypeError: an argument is no name of S3's, which all begin with a capital.
    """
    refuse_unknown({name: value for name, value in arguments.items() if not name[:1].isupper()}, caller)
    named = {_PUT_FIELDS[name]: value for name, value in arguments.items() if name in _PUT_FIELDS}
    rest = {name: value for name, value in arguments.items() if name not in _PUT_FIELDS}
    return PutOptions(**named, extra_args=rest)


def refuse_unknown(arguments: Mapping[str, Any], caller: str) -> None:
    """Raise a `TypeError` that names the arguments, if there are any."""
    if arguments:
        raise TypeError(f"{caller} got unknown arguments: {', '.join(sorted(arguments))}")
