"""The operations that carry the load, as HTTP: GET, HEAD and PUT of objects and parts, listings, batch deletes.

Only what is plain is taken: a parameter without a row in the tables below, or a value that HTTP or XML cannot carry as
it is, makes `prepare` decline. Addressing and signing are not known here: a `Request` is relative to its bucket.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html
"""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote_plus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from typing_extensions import Buffer

from pyathena.transport.operations import Operation
from pyathena.transport.values import ListPage, ObjectSummary
from pyathena.transport.wire.http1 import Head

__all__ = [
    "CHECKSUMS",
    "METHODS",
    "AnswerError",
    "Request",
    "delete_answer",
    "encoded_key",
    "error_answer",
    "is_error",
    "list_page",
    "object_answer",
    "prepare",
]

_EVERYWHERE: Final = "Bucket ExpectedBucketOwner RequestPayer"
_OBJECT: Final = f"{_EVERYWHERE} Key SSECustomerAlgorithm SSECustomerKey"
_CONDITIONS: Final = "IfMatch IfModifiedSince IfNoneMatch IfUnmodifiedSince"
_READ: Final = f"{_OBJECT} {_CONDITIONS} PartNumber Range VersionId"
_CREATE: Final = (
    f"{_OBJECT} ACL Body CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType IfMatch "
    "IfNoneMatch Metadata SSEKMSKeyId ServerSideEncryption StorageClass Tagging"
)
# The parameters that are taken: what an operation does not know, S3 would take for another one, or pass over.
METHODS: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "get_object": ("GET", frozenset(_READ.split())),
    "head_object": ("HEAD", frozenset(_READ.split())),
    "put_object": ("PUT", frozenset(_CREATE.split())),
    "upload_part": ("PUT", frozenset(f"{_OBJECT} Body PartNumber UploadId".split())),
    "list_objects_v2": (
        "GET",
        frozenset(f"{_EVERYWHERE} ContinuationToken Delimiter MaxKeys Prefix StartAfter".split()),
    ),
    "delete_objects": ("POST", frozenset(f"{_EVERYWHERE} Delete".split())),
}
"""The operations that are known here, by their names in snake case: HTTP's method and what they may ask."""

_REQUEST_HEADERS: Final = {
    "ACL": "x-amz-acl",
    "CacheControl": "cache-control",
    "ContentDisposition": "content-disposition",
    "ContentEncoding": "content-encoding",
    "ContentLanguage": "content-language",
    "ContentType": "content-type",
    "ExpectedBucketOwner": "x-amz-expected-bucket-owner",
    "IfMatch": "if-match",
    "IfModifiedSince": "if-modified-since",
    "IfNoneMatch": "if-none-match",
    "IfUnmodifiedSince": "if-unmodified-since",
    "Range": "range",
    "RequestPayer": "x-amz-request-payer",
    "SSECustomerAlgorithm": "x-amz-server-side-encryption-customer-algorithm",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "StorageClass": "x-amz-storage-class",
    "Tagging": "x-amz-tagging",
}
_NUMBERS: Final = frozenset({"MaxKeys", "PartNumber"})
_TIMES: Final = frozenset({"IfModifiedSince", "IfUnmodifiedSince"})
_REQUEST_QUERY: Final = {
    "ContinuationToken": "continuation-token",
    "Delimiter": "delimiter",
    "MaxKeys": "max-keys",
    "PartNumber": "partNumber",
    "Prefix": "prefix",
    "StartAfter": "start-after",
    "UploadId": "uploadId",
    "VersionId": "versionId",
}
_FIXED_QUERY: Final = {
    "list_objects_v2": {"list-type": "2", "encoding-type": "url"},
    "delete_objects": {"delete": ""},
}

_ANSWER_HEADERS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "cache-control": ("CacheControl", str),
    "content-disposition": ("ContentDisposition", str),
    "content-encoding": ("ContentEncoding", str),
    "content-language": ("ContentLanguage", str),
    "content-length": ("ContentLength", int),
    "content-range": ("ContentRange", str),
    "content-type": ("ContentType", str),
    "etag": ("ETag", str),
    "last-modified": ("LastModified", lambda value: _http_date(value)),
    "x-amz-mp-parts-count": ("PartsCount", int),
    "x-amz-server-side-encryption": ("ServerSideEncryption", str),
    "x-amz-server-side-encryption-aws-kms-key-id": ("SSEKMSKeyId", str),
    "x-amz-storage-class": ("StorageClass", str),
    "x-amz-version-id": ("VersionId", str),
    **{
        f"x-amz-checksum-{name.lower()}": (f"Checksum{name}", str)
        for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256")
    },
}
_METADATA: Final = "x-amz-meta-"

# One line of printable ASCII, without white space that a signature would not tell from another.
_PLAIN_VALUE: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_PLAIN_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+\-.^_`|~]+")
_SPECIAL: Final = re.compile("[&<>\r\n]")
# https://www.w3.org/TR/xml/#charsets
_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

CHECKSUMS: Final[Mapping[str, Callable[[Buffer], bytes]]] = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "SHA1": lambda data: hashlib.sha1(data).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}
"""The checksums that Python can compare; what botocore compares without awscrt."""


class AnswerError(Exception):
    """An answer is not the document that S3 sends."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request, relative to its bucket and not yet signed.

    Args:
        method: of HTTP.
        key: percent-encoded; None for a request about the bucket.
        query: percent-encoded and in order.
        headers: names in lower case.
        body: what is sent; None for no body.
    """

    method: str
    key: str | None
    query: str
    headers: Mapping[str, str] = field(repr=False)  # which may hold the caller's key
    body: Buffer | None = field(default=None, repr=False)


def prepare(operation: Operation[Any]) -> Request | None:
    """Return an operation as a request; None where it asks for anything that is not plain."""
    method, known = METHODS.get(operation.method, ("", frozenset()))
    if not operation.params.keys() <= known:
        return None
    headers: dict[str, str] = {}
    query: dict[str, str] = dict(_FIXED_QUERY.get(operation.method, {}))
    body: Buffer | None = None
    for name, value in operation.params.items():
        if name in ("Bucket", "Key"):  # which extra arguments may have replaced
            if value != (operation.bucket if name == "Bucket" else operation.key):
                return None
        elif name in _REQUEST_HEADERS:
            if isinstance(value, datetime) != (name in _TIMES):
                return None
            text = format_datetime(value.astimezone(UTC), usegmt=True) if name in _TIMES else value
            headers[_REQUEST_HEADERS[name]] = text
        elif name in _REQUEST_QUERY:
            if not isinstance(value, int if name in _NUMBERS else str):
                return None
            query[_REQUEST_QUERY[name]] = str(value)
        elif name == "Body":
            body = value
        elif name == "Metadata":
            if not isinstance(value, Mapping):
                return None
            named = {f"{_METADATA}{name.lower()}": text for name, text in value.items()}
            if len(named) < len(value):
                return None
            headers |= named
        elif name == "SSECustomerKey":
            headers |= _customer_key(value)
        else:
            body = _delete_document(value, quiet=operation.quiet)
            if body is None:
                return None
    for name, text in headers.items():
        if not (isinstance(text, str) and _PLAIN_VALUE.fullmatch(text) and _PLAIN_NAME.fullmatch(name)):
            return None
    try:
        key = None if operation.key is None else encoded_key(operation.key)
        asked = "&".join(sorted([f"{name}={_quoted(value)}" for name, value in query.items()]))
    except UnicodeEncodeError:  # a surrogate
        return None
    return Request(method, key, asked, headers, body)


def encoded_key(key: str) -> str:
    """Return a key as it stands in a path; its slashes stay."""
    return quote(key, safe="/~")


def _quoted(value: str) -> str:
    return quote(value, safe="-_.~")


def _customer_key(key: bytes) -> dict[str, str]:
    return {
        "x-amz-server-side-encryption-customer-key": base64.b64encode(key).decode(),
        "x-amz-server-side-encryption-customer-key-md5": base64.b64encode(
            hashlib.md5(key, usedforsecurity=False).digest()
        ).decode(),
    }


def _delete_document(delete: Mapping[str, Any], *, quiet: bool) -> bytes | None:
    """Return the body of DeleteObjects; None if a key holds what XML cannot, or more is asked than to delete keys."""
    objects: Sequence[Mapping[str, str]] = delete["Objects"]
    names = set().union(*objects)
    if not delete.keys() <= {"Objects"} or not names <= {"Key", "VersionId"}:
        return None
    every = "".join([text for named in objects for text in named.values()])  # to look at once: they are many
    if _NO_XML.search(every):
        return None
    if names == {"Key"} and not _SPECIAL.search(every):
        document = "".join([f"<Object><Key>{named['Key']}</Key></Object>" for named in objects])
    else:
        document = "".join(map(_object_to_delete, objects))
    if quiet:
        document += "<Quiet>true</Quiet>"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{document}</Delete>'
    ).encode()


def _object_to_delete(named: Mapping[str, str]) -> str:
    text = f"<Key>{_escaped(named['Key'])}</Key>"
    if "VersionId" in named:
        text += f"<VersionId>{_escaped(named['VersionId'])}</VersionId>"
    return f"<Object>{text}</Object>"


def _escaped(text: str) -> str:
    # A parser makes one line feed of each line end that is not written as a reference.
    return escape(text, {"\r": "&#13;", "\n": "&#10;"}) if _SPECIAL.search(text) else text


# --- answers -------------------------------------------------------------------------------------


def object_answer(head: Head) -> dict[str, Any]:
    """Return what the headers of an answer tell of an object or part, by S3's names.

    Raises:
        AnswerError: a header is not what its name says.
    """
    answer: dict[str, Any] = {"ResponseMetadata": _about(head)}
    metadata: dict[str, str] = {}
    for name, value in head.headers.items():
        field = _ANSWER_HEADERS.get(name)
        if field is not None:
            try:
                answer[field[0]] = field[1](value)
            except ValueError as error:
                raise AnswerError(f"The answer's header {name} is {value[:80]!r}") from error
        elif name.startswith(_METADATA):
            metadata[name[len(_METADATA) :]] = value
    answer["Metadata"] = metadata
    return answer


# An entry as S3 writes it. A page of a thousand is read in a third of the time that it takes to make a tree of it.
_ENTRY: Final = re.compile(
    r"<Contents><Key>([^<&]*)</Key><LastModified>([^<&]*)</LastModified><ETag>(?:&quot;|\")?([^<&\"]*)(?:&quot;|\")?</ETag>"
    r"(?:<ChecksumAlgorithm>[^<]*</ChecksumAlgorithm>)*(?:<ChecksumType>[^<]*</ChecksumType>)?"
    r"<Size>(\d{1,20})</Size>(?:<StorageClass>([^<&]*)</StorageClass>)?</Contents>",
    re.ASCII,
)


def list_page(body: bytes) -> ListPage:
    """Return a page of ListObjectsV2.

    Raises:
        AnswerError: the body is none.
    """
    rows, rest = _entries(body)
    root, space = _document(rest, "ListBucketResult")
    if rows is None:
        rows = _entries_of_tree(root, space)
    encoded = root.findtext(f"{space}EncodingType") == "url"
    try:
        objects = tuple(
            [
                ObjectSummary(
                    unquote_plus(key) if encoded and ("%" in key or "+" in key) else key,
                    int(size),
                    etag,
                    _iso_date(modified),
                    storage_class or None,
                )
                for key, modified, etag, size, storage_class in rows
            ]
        )
    except ValueError as error:
        raise AnswerError(f"An entry of the listing is not understood: {error}") from error
    prefixes = [common.findtext(f"{space}Prefix") for common in root.iterfind(f"{space}CommonPrefixes")]
    following: str | None = None
    if root.findtext(f"{space}IsTruncated") == "true":
        following = root.findtext(f"{space}NextContinuationToken")
        if not following:
            raise AnswerError("The answer lacks NextContinuationToken")
    return ListPage(objects, tuple(unquote_plus(each) if encoded else each for each in prefixes if each), following)


_Row: TypeAlias = tuple[str, str, str, str, str | None]
"""Key, LastModified, ETag, Size and StorageClass of an entry, which may have none."""


def _entries(body: bytes) -> tuple[list[_Row] | None, bytes]:
    """Return the entries of a page, and the page without them; None and the page, if S3 would write it otherwise."""
    if b"<!" in body:  # what may hide them, or what looks like them
        return None, body
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None, body
    pieces = _ENTRY.split(text)  # what stands between entries, and the five groups of each
    rest = "".join(pieces[::6])
    if "<Contents" in rest:
        return None, body
    etags = [f'"{etag}"' for etag in pieces[3::6]]
    return list(zip(pieces[1::6], pieces[2::6], etags, pieces[4::6], pieces[5::6], strict=True)), rest.encode()


def _entries_of_tree(root: ElementTree.Element, space: str) -> list[_Row]:
    names = [f"{space}{name}" for name in ("Key", "LastModified", "ETag", "Size", "StorageClass")]
    rows: list[_Row] = []
    for entry in root.iterfind(f"{space}Contents"):
        told = {field.tag: field.text or "" for field in entry}
        missing = [name for name in names[:4] if name not in told]
        if missing:
            raise AnswerError(f"An entry of the listing lacks {missing[0].removeprefix(space)}")
        key, modified, etag, size, storage_class = (told.get(name, "") for name in names)
        rows.append((key, modified, etag if etag.endswith('"') else f'"{etag}"', size, storage_class))
    return rows


_DELETED: Final = re.compile(rb"<Deleted><Key>([^<]*)</Key></Deleted>")


def delete_answer(body: bytes) -> dict[str, Any]:
    """Return what DeleteObjects did, by S3's names.

    Raises:
        AnswerError: the body tells nothing of it.
    """
    answer: dict[str, Any] = {"Deleted": [], "Errors": []}
    if b"<!" not in body and b"&" not in body:
        pieces = _DELETED.split(body)  # what stands between entries, and the key of each
        try:
            answer["Deleted"] = [{"Key": key.decode()} for key in pieces[1::2]]
        except UnicodeDecodeError as error:
            raise AnswerError(f"The answer is no XML: {error}") from error
        body = b"".join(pieces[::2])
    root, space = _document(body, "DeleteResult")
    begin = len(space)
    for child in root:
        entry: dict[str, Any] = {field.tag[begin:]: field.text or "" for field in child}
        if "DeleteMarker" in entry:
            entry["DeleteMarker"] = entry["DeleteMarker"] == "true"
        if child.tag == f"{space}Deleted":
            answer["Deleted"].append(entry)
        elif child.tag == f"{space}Error":
            answer["Errors"].append(entry)
    return answer


def is_error(body: bytes) -> bool:
    """Whether the body of a success says that it is none: by its root, or because it is no whole document.

    Raises:
        AnswerError: it declares a document type.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    """
    _refuse_document_type(body)
    try:
        return bool(body) and ElementTree.fromstring(body).tag.rpartition("}")[2] == "Error"
    except _NOT_PARSED:
        return True


def error_answer(head: Head, body: bytes) -> dict[str, Any]:
    """Return an answer that is no success, as boto3 has it in ``ClientError.response``."""
    status = head.status if head.status >= 300 else HTTPStatus.INTERNAL_SERVER_ERROR.value
    error: dict[str, str] = {}
    about = {**_about(head), "HTTPStatusCode": status}
    try:
        root, space = _document(body, "Error")
        error = {child.tag.removeprefix(space): child.text or "" for child in root}
        for name in ("RequestId", "HostId"):
            about[name] = about[name] or error.pop(name, None)
    except AnswerError:  # an answer to HEAD, a page of a proxy's
        pass
    error.setdefault("Code", str(status))
    error.setdefault("Message", HTTPStatus(status).phrase if status in _STATUSES else "")
    return {"Error": error, "ResponseMetadata": about}


_STATUSES: Final = frozenset(HTTPStatus)


def _about(head: Head) -> dict[str, Any]:
    return {
        "RequestId": head.headers.get("x-amz-request-id"),
        "HostId": head.headers.get("x-amz-id-2"),
        "HTTPStatusCode": head.status,
        "HTTPHeaders": head.headers,
    }


def _document(body: bytes, root: str) -> tuple[ElementTree.Element, str]:
    """Return the root of an XML document and the namespace of its tags, in braces."""
    _refuse_document_type(body)
    try:
        element = ElementTree.fromstring(body)
    except _NOT_PARSED as error:
        raise AnswerError(f"The answer is no XML: {error}") from error
    space = element.tag.removesuffix(root)
    if not element.tag.endswith(root) or (space and not space.endswith("}")):
        raise AnswerError(f"The answer is a {element.tag[:80]!r}, and no {root}")
    return element, space


# The latter two: of its encoding.
_NOT_PARSED: Final = (ElementTree.ParseError, LookupError, ValueError)


def _refuse_document_type(body: bytes) -> None:
    # What may define entities, which a parser would expand, is never sent by S3. (A zero byte: another encoding.)
    if b"<!DOCTYPE" in body or b"\0" in body:
        raise AnswerError("The answer declares a document type, which S3 never does")


# RFC 9110, section 5.6.7
_IMF_FIXDATE: Final = re.compile(r"\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_NAMES_OF_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS: Final = {name: number for number, name in enumerate(_NAMES_OF_MONTHS, start=1)}


def _iso_date(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def _http_date(text: str) -> datetime:
    match = _IMF_FIXDATE.fullmatch(text)
    if match is not None and match[2] in _MONTHS:
        day, month, year, hour, minute, second = match.groups()
        return datetime(int(year), _MONTHS[month], int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    time = parsedate_to_datetime(text)
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)
