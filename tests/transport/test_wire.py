"""S3 over HTTP without I/O, against what botocore sends and understands, and against http.client."""

from __future__ import annotations

import base64
import http.client
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import boto3.session
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pyathena.transport import (
    ByteRange,
    CustomerKey,
    DeleteError,
    DeleteOptions,
    DeleteResult,
    GetOptions,
    MultipartUpload,
    ObjectKey,
    ObjectRef,
    PutOptions,
    RequestOptions,
    S3ServerError,
)
from pyathena.transport.operations import Operation, Operations
from pyathena.transport.wire.http1 import Chunks, Head, ProtocolError, body_length, parse_head
from pyathena.transport.wire.s3 import (
    AnswerError,
    delete_answer,
    encoded_key,
    is_error,
    list_page,
    object_answer,
    prepare,
)
from pyathena.transport.wire.sigv4 import UNSIGNED_PAYLOAD, Credentials, Signer

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NOW = 1_700_000_000.0
KEYS = st.one_of(
    st.sampled_from(
        ["a", "/", "//", "a//b", "../x", "a/./b", "~", "a+b c", "%2F", "é/☃", "a?b#c", "a=b&c", "\x01\x7f", "\r\n"]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
PLAIN = st.from_regex(r"[!-~]+( [!-~]+)*", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


# --- signatures ----------------------------------------------------------------------------------


@QUICK
@given(
    method=st.sampled_from(["GET", "HEAD", "PUT", "POST"]),
    key=KEYS,
    query=st.dictionaries(st.sampled_from(["delete", "list-type", "prefix", "partNumber", "uploadId"]), TEXT),
    headers=st.dictionaries(st.sampled_from(["if-match", "range", "x-amz-meta-name", "content-type"]), PLAIN),
    payload=st.sampled_from([UNSIGNED_PAYLOAD, "0" * 64]),
    token=st.one_of(st.none(), PLAIN),
    secret=PLAIN,
    service=st.sampled_from(["s3", "s3-outposts"]),
)
def test_a_request_is_signed_as_by_botocore(
    method: str,
    key: str,
    query: dict[str, str],
    headers: dict[str, str],
    payload: str,
    token: str | None,
    secret: str,
    service: str,
) -> None:
    path = f"/bucket/{encoded_key(key)}"
    asked = "&".join(sorted(f"{name}={quote(value, safe='-_.~')}" for name, value in query.items()))
    request = AWSRequest(method, f"https://127.0.0.1:9000{path}?{asked}", headers=headers)
    auth = S3SigV4Auth(BotoCredentials("key", secret, token), service, "eu-west-1")
    with mock.patch.object(auth, "payload", return_value=payload):
        auth.add_auth(request)
    theirs = {name.lower(): value for name, value in request.headers.items()}
    now = datetime.strptime(theirs["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    signer = Signer(Credentials("key", secret, token), "eu-west-1", service)
    signed = signer.signed(method, path, asked, {"host": "127.0.0.1:9000", **headers}, payload, now=now)
    assert signed == {"host": "127.0.0.1:9000", **theirs}


def test_the_key_of_one_day_does_not_sign_the_next() -> None:
    signer = Signer(Credentials("key", "secret"), "eu-west-1")
    for now in (NOW, NOW + 86_400, NOW):
        fresh = Signer(Credentials("key", "secret"), "eu-west-1")
        assert signer.signed("GET", "/", "", {}, "0", now=now) == fresh.signed("GET", "/", "", {}, "0", now=now)


def test_credentials_show_no_secret() -> None:
    assert "hidden" not in repr(Credentials("key", "hidden", "hidden token"))


def test_what_asks_with_a_key_of_the_callers_does_not_show_it() -> None:
    options = GetOptions(customer_key=CustomerKey(b"k" * 32))
    operation = Operations(requester_pays=False).head_object(ObjectRef("bucket", "key"), options)
    request = prepare(operation)
    assert request is not None
    for shown in (repr(operation), repr(request)):
        assert "kkkk" not in shown
        assert base64.b64encode(b"k" * 32).decode() not in shown


# --- requests ------------------------------------------------------------------------------------


class Sent(Exception):  # noqa: N818  # it is no error
    """Carries what botocore was about to send."""


def _sent(request: Any, **_: object) -> None:
    raise Sent(request)


@cache
def client(scheme: str) -> Any:
    session = boto3.session.Session("testkey123", "secret", region_name="us-east-1")
    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path"},
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    made = session.client("s3", endpoint_url=f"{scheme}://127.0.0.1:9", config=config)
    made.meta.events.register_first("before-send.s3", _sent)
    return made


def sent_by_botocore(operation: Operation[Any]) -> Any:
    with pytest.raises(Sent) as caught:
        getattr(client("https"), operation.method)(**operation.params)
    return caught.value.args[0]


# What botocore sends besides: of its connection, of signatures and checksums (which are for whoever sends a request).
NOT_OF_THE_OPERATION = {
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "content-length",
    "expect",
    "user-agent",
    "x-amz-checksum-crc32",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-sdk-checksum-algorithm",
}

TIMES = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
REQUEST_OPTIONS: dict[str, Any] = {
    "requester_pays": st.booleans(),
    "expected_bucket_owner": st.none() | st.just("123456789012"),
}
CUSTOMER_KEYS = st.none() | st.binary(min_size=32, max_size=32).map(CustomerKey)
GET_OPTIONS = st.builds(
    GetOptions,
    if_match=st.none() | PLAIN,
    if_none_match=st.none() | PLAIN,
    if_modified_since=st.none() | TIMES,
    if_unmodified_since=st.none() | TIMES,
    customer_key=CUSTOMER_KEYS,
    **REQUEST_OPTIONS,
)
NAMES = st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True)
PUT_OPTIONS = st.builds(
    PutOptions,
    if_match=st.none() | PLAIN,
    if_none_match=st.none() | st.just("*"),
    content_type=st.none() | PLAIN,
    content_encoding=st.none() | PLAIN,
    content_disposition=st.none() | PLAIN,
    content_language=st.none() | PLAIN,
    cache_control=st.none() | PLAIN,
    acl=st.none() | st.just("bucket-owner-full-control"),
    storage_class=st.none() | st.just("STANDARD_IA"),
    server_side_encryption=st.none() | st.just("aws:kms"),
    kms_key_id=st.none() | PLAIN,
    metadata=st.dictionaries(NAMES, PLAIN, max_size=3),
    tags=st.dictionaries(TEXT, TEXT, max_size=3),
    customer_key=CUSTOMER_KEYS,
    **REQUEST_OPTIONS,
)
REFS = st.builds(ObjectRef, st.just("bucket"), KEYS)
VERSIONED = st.builds(ObjectRef, st.just("bucket"), KEYS, st.none() | PLAIN)
RANGES = st.builds(
    lambda start, size: ByteRange(start, None if size is None else start + size),
    st.integers(0, 2**40),
    st.none() | st.integers(1, 2**40),
)
TABLE = Operations(requester_pays=False)
# Keys to delete stand in XML, which cannot hold all of them: see below.
IN_XML = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=20) | st.sampled_from(
    ["<&>\"'", "a\r\nb", "\t", "]]>", " a ", "☃"]
)
OPERATIONS: st.SearchStrategy[Operation[Any]] = st.one_of(
    st.builds(TABLE.head_object, VERSIONED, GET_OPTIONS),
    st.builds(TABLE.get_object, VERSIONED, RANGES, st.none(), GET_OPTIONS),
    st.builds(
        TABLE.get_object,
        VERSIONED,
        st.just(ByteRange(0)),
        st.none(),
        st.builds(GetOptions, part_number=st.integers(1, 10_000)),
    ),
    st.builds(TABLE.put_object, REFS, st.binary(max_size=9), PUT_OPTIONS),
    st.builds(
        TABLE.upload_part,
        st.builds(MultipartUpload, st.just("bucket"), KEYS, PLAIN),
        st.integers(1, 10_000),
        st.binary(max_size=9),
        st.builds(PutOptions, customer_key=CUSTOMER_KEYS, **REQUEST_OPTIONS),
    ),
    st.builds(
        TABLE.list_objects,
        st.just("bucket"),
        TEXT,
        st.sampled_from(["", "/", "☃ +"]),
        TEXT,
        st.integers(1, 1000),
        st.none() | PLAIN,
        st.builds(RequestOptions, **REQUEST_OPTIONS),
    ),
    st.builds(
        TABLE.delete_objects,
        st.just("bucket"),
        st.lists(st.builds(ObjectKey, IN_XML, st.none() | PLAIN), min_size=1, max_size=4, unique=True),
        st.builds(DeleteOptions, quiet=st.booleans(), **REQUEST_OPTIONS),
    ),
)


@settings(QUICK, max_examples=100)
@given(OPERATIONS)
def test_a_request_is_what_botocore_sends(operation: Operation[Any]) -> None:
    ours, theirs = prepare(operation), sent_by_botocore(operation)
    assert ours is not None or any(len(value) == 0 for value in operation.params.values() if isinstance(value, str))
    if ours is None:
        return
    url = urlsplit(theirs.url)
    assert theirs.method == ours.method
    assert url.path == ("/bucket" if ours.key is None else f"/bucket/{ours.key}")
    assert sorted(parse_qsl(ours.query, True)) == sorted(parse_qsl(url.query, True))
    headers = {
        name.lower(): value.decode("latin-1") if isinstance(value, bytes) else value
        for name, value in theirs.headers.items()
    }
    assert dict(ours.headers) == {name: headers[name] for name in headers.keys() - NOT_OF_THE_OPERATION}
    body = theirs.body.read() if hasattr(theirs.body, "read") else theirs.body or b""
    if operation.method == "delete_objects":
        assert named_in(bytes(ours.body or b"")) == named_in(body) == named_by(operation)
        assert is_quiet(bytes(ours.body or b"")) == operation.quiet
        assert not is_quiet(body)  # botocore does not tell a quiet answer from one that says nothing of deletes
    else:
        assert (ours.body or b"") == body


def named_in(document: bytes) -> list[dict[str, str]]:
    root = ElementTree.fromstring(document)
    space = root.tag.removesuffix("Delete")
    return [
        {field.tag.removeprefix(space): field.text or "" for field in child} for child in root.iter(f"{space}Object")
    ]


def is_quiet(document: bytes) -> bool:
    root = ElementTree.fromstring(document)
    return root.findtext(f"{root.tag.removesuffix('Delete')}Quiet") == "true"


def named_by(operation: Operation[Any]) -> list[dict[str, str]]:
    objects: list[dict[str, str]] = operation.params["Delete"]["Objects"]
    return objects


REF = ObjectRef("bucket", "key")


def get(**extra_args: Any) -> Operation[Any]:
    return TABLE.get_object(REF, ByteRange(0), None, GetOptions(extra_args=extra_args))


def put(**options: Any) -> Operation[Any]:
    return TABLE.put_object(REF, b"", PutOptions(**options))


def delete(key: str) -> Operation[Any]:
    return TABLE.delete_objects("bucket", [ObjectKey(key)], DeleteOptions())


def delete_as(**delete: Any) -> Operation[Any]:
    return TABLE.delete_objects("bucket", [ObjectKey("key")], DeleteOptions(extra_args={"Delete": delete}))


@pytest.mark.parametrize(
    "operation",
    [
        TABLE.head_bucket("bucket", RequestOptions()),
        TABLE.get_object_tagging(REF, RequestOptions()),
        get(ResponseContentType="text/plain"),
        get(UploadId="which would list its parts"),
        get(ACL="private"),
        get(Key="another"),
        get(Bucket="another"),
        get(Range=0),
        get(PartNumber="1"),
        get(IfModifiedSince="yesterday"),
        get(VersionId=7),
        put(extra_args={"WebsiteRedirectLocation": "/"}),
        put(extra_args={"ContentType": datetime.now(UTC)}),
        put(extra_args={"Metadata": "name"}),
        put(extra_args={"Metadata": {"Name": "a", "name": "b"}}),
        put(metadata={"name": "é"}),
        put(metadata={"é": "value"}),
        put(metadata={"name": "a\r\nx-amz-acl: public-read"}),
        put(metadata={"na me": "value"}),
        put(metadata={"name": "two  spaces"}),
        put(metadata={"name": " in front"}),
        put(metadata={"name": ""}),
        put(content_type="text/plain\0"),
        put(if_match=""),
        get(VersionId="\udc80"),
        TABLE.list_objects("bucket", "\udc80", "", "", 1, None, RequestOptions()),
        delete("\x01"),
        delete("\x0b"),
        delete("\ufffe"),
        delete_as(Objects=[{"Key": "key", "ETag": '"etag"'}]),
        delete_as(Objects=[{"Key": "key"}], More=1),
    ],
    ids=lambda operation: operation.method,
)
def test_what_is_not_plain_is_left_to_others(operation: Operation[Any]) -> None:
    assert prepare(operation) is None


# --- heads and bodies ----------------------------------------------------------------------------


class FakeSocket:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self.data)


def by_http_client(data: bytes, method: str = "GET") -> http.client.HTTPResponse:
    answer = http.client.HTTPResponse(FakeSocket(data), method=method)  # type: ignore[arg-type]  # as much as it uses
    answer.begin()
    return answer


HEADERS = st.dictionaries(
    st.sampled_from(["ETag", "Content-Length", "x-amz-meta-a", "X-Amz-Request-Id", "Connection", "Content-Range"]),
    st.one_of(st.sampled_from(["0", "17", "close", "keep-alive"]), st.from_regex(r"[!-~¡-ÿ]*", fullmatch=True)),
    max_size=5,
)


@QUICK
@given(
    first=st.sampled_from(["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 404", "HTTP/1.1 206 ", "HTTP/1.1 304 é"]),
    headers=HEADERS,
    around=st.sampled_from(["", " ", "\t"]),
)
def test_a_head_means_what_it_means_to_http_client(first: str, headers: dict[str, str], around: str) -> None:
    lines = "\r\n".join([first, *(f"{name}:{around}{value}" for name, value in headers.items())])
    ours = parse_head(lines.encode("latin-1"))
    theirs = by_http_client(f"{lines}\r\n\r\n".encode("latin-1"))
    assert ours.status == theirs.status
    assert ours.headers == {name.lower(): value for name, value in theirs.headers.items()}
    try:
        length = body_length("GET", ours)
    except ProtocolError:
        assert theirs.length is None or not headers["Content-Length"].isdecimal()
    else:
        assert length == (-1 if theirs.length is None else theirs.length)
    if "Connection" not in headers or "," not in headers["Connection"]:
        kept = headers.get("Connection", "close" if "1.0" in first else "").lower()
        assert ours.keeps_alive or "close" in kept or "1.0" in first


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1  200 OK",
        b"ICY 200 OK",
        b"<html>",
        b"HTTP/1.1 200 OK\r\nno colon",
        b"HTTP/1.1 200 OK\r\n: no name",
        b"HTTP/1.1 200 OK\r\nETag : a space before the colon",
        b"HTTP/1.1 200 OK\r\nETag: 1\r\n folded",
        b"HTTP/1.1 200 OK\r\n folded: first",
        b"HTTP/1.1 200 OK\r\nETag: 1\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nETag: 1\rContent-Length: 5",
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1 200 OK\r\nETag: \0",
        b"HTTP/1.1 200 OK\r\nE\xe9: 1",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6",
        b"HTTP/1.1 200 OK\nContent-Length: 5",
    ],
)
def test_a_head_that_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_head(data)


@pytest.mark.parametrize(
    "headers",
    [
        {"content-length": "-1"},
        {"content-length": "+1"},
        {"content-length": "1, 1"},
        {"content-length": ""},
        {"content-length": "0x10"},
        {"content-length": "1_0"},
        {"content-length": "\u0661"},
        {"content-length": "5", "transfer-encoding": "chunked"},
        {"transfer-encoding": "gzip, chunked"},
        {"transfer-encoding": "chunked, chunked"},
        {"transfer-encoding": "identity"},
        {"transfer-encoding": ""},
    ],
)
def test_a_length_that_is_not_plain_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(ProtocolError):
        body_length("GET", Head(200, headers, keeps_alive=True))


@pytest.mark.parametrize(
    ("method", "status", "headers", "length"),
    [
        ("GET", 200, {"content-length": "5"}, 5),
        ("GET", 200, {}, -1),
        ("GET", 200, {"transfer-encoding": "Chunked"}, None),
        ("HEAD", 200, {"content-length": "5"}, 0),
        ("HEAD", 200, {"transfer-encoding": "chunked"}, 0),
        ("GET", 204, {"content-length": "5"}, 0),
        ("GET", 304, {"content-length": "5"}, 0),
        ("PUT", 100, {}, 0),
    ],
)
def test_the_length_of_a_body(method: str, status: int, headers: dict[str, str], length: int | None) -> None:
    assert body_length(method, Head(status, headers, keeps_alive=True)) == length


def test_the_same_length_twice_is_one_length() -> None:
    head = parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5")
    assert body_length("GET", head) == 5


def pieces(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    at = 0
    for cut in sorted({cut % (len(data) + 1) for cut in cuts}):
        yield data[at:cut]
        at = cut
    yield data[at:]


@QUICK
@given(
    blocks=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    extension=st.sampled_from([b"", b";name=value", b" ;x"]),
    trailer=st.sampled_from([b"", b"x-amz-checksum-crc32: AAAA\r\n", b"a: b\r\nc: d\r\n"]),
    behind=st.binary(max_size=5),
    cuts=st.lists(st.integers(0, 500), max_size=20),
)
def test_chunks_give_the_body_however_they_come(
    blocks: list[bytes], extension: bytes, trailer: bytes, behind: bytes, cuts: list[int]
) -> None:
    encoded = b"".join(b"%x%s\r\n%s\r\n" % (len(block), extension, block) for block in blocks)
    encoded += b"0" + extension + b"\r\n" + trailer + b"\r\n"
    chunks = Chunks()
    body = b"".join(chunks.feed(piece) for piece in pieces(encoded + behind, cuts) if not chunks.complete)
    assert chunks.complete
    assert behind.startswith(chunks.rest)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert body == b"".join(blocks) == by_http_client(head + encoded).read()


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"-1\r\n",
        b"+1\r\nx\r\n",
        b"0x1\r\nx\r\n",
        b"1_0\r\n",
        b" 1\r\nx\r\n",
        b"1\n;\r\nx\r\n",
        b"1;a\nb\r\nx\r\n",
        b"g\r\n",
        b"1" * 16 + b"\r\n",
        b"1\r\nxy\r\n",
        b"1\r\nx\n\n",
        b"1" + b";" * 5000,
    ],
)
def test_chunks_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Chunks().feed(data)


def test_a_body_that_has_not_ended_is_not_complete() -> None:
    chunks = Chunks()
    assert chunks.feed(b"f00000000000000\r\nx") == b"x"
    assert not chunks.complete


# --- answers -------------------------------------------------------------------------------------


class Raw(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def by_botocore(operation: Operation[Any], body: bytes, **headers: str) -> Any:
    """What the operation means by botocore's parsing of an answer."""

    def answered(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, headers, Raw(body))

    made = client("http")
    made.meta.events.unregister("before-send.s3", _sent)
    made.meta.events.register_first("before-send.s3", answered)
    try:
        return operation.meaning(getattr(made, operation.method)(**operation.params))
    finally:
        made.meta.events.unregister("before-send.s3", answered)


NAMESPACES = st.sampled_from(["", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'])
LISTED = st.fixed_dictionaries(
    {
        "Key": KEYS,
        "ETag": st.sampled_from(['"etag"', "etag", "&quot;etag&quot;"]),
        "LastModified": st.sampled_from(
            ["2024-02-29T12:30:00.123Z", "2024-02-29T12:30:00Z", "2024-02-29T12:30:00+01:00"]
        ),
        "Size": st.integers(0, 2**45).map(str),
    },
    optional={"StorageClass": st.just("STANDARD"), "Owner": st.just("<ID>1</ID>")},
)


@QUICK
@given(NAMESPACES, st.lists(LISTED, max_size=4), st.lists(KEYS, max_size=3), st.booleans(), st.none() | PLAIN)
def test_a_listing_means_what_it_means_to_botocore(
    namespace: str, objects: list[dict[str, str]], prefixes: list[str], encoded: bool, token: str | None
) -> None:
    def name(text: str) -> str:
        return quote(text, safe="/") if encoded else "key"

    contents = "".join(
        "<Contents>"
        + "".join(f"<{field}>{name(text) if field == 'Key' else text}</{field}>" for field, text in entry.items())
        + "</Contents>"
        for entry in objects
    )
    common = "".join(f"<CommonPrefixes><Prefix>{name(prefix)}</Prefix></CommonPrefixes>" for prefix in prefixes)
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult{namespace}><Name>bucket</Name>'
        f"<IsTruncated>{'false' if token is None else 'true'}</IsTruncated>"
        + ("<EncodingType>url</EncodingType>" if encoded else "")
        + (f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token is not None else "")
        + f"{contents}{common}</ListBucketResult>"
    ).encode()
    operation = TABLE.list_objects("bucket", "", "/", "", 1000, None, RequestOptions())
    page = list_page(body)
    assert page == by_botocore(operation, body)
    if encoded:
        assert [entry.key for entry in page.objects] == [entry["Key"] for entry in objects]
        assert list(page.prefixes) == prefixes


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"<ListBucketResult><Contents>",
        b"<html><body>welcome</body></html>",
        b"<NoListBucketResult/>",
        b"<Error><Code>InternalError</Code></Error>",
        b"<ListBucketResult><Contents><Key>k</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><ListBucketResult/>',
        "<?xml version='1.0' encoding='utf-16'?><ListBucketResult/>".encode("utf-16"),
        "<ListBucketResult/>".encode("utf-16"),
        b'<?xml version="1.0" encoding="no-such"?><ListBucketResult/>',
        b'<?xml version="1.0" encoding="shift_jis"?><ListBucketResult/>',
        b"\xff\xfe",
    ],
)
def test_a_document_that_is_no_listing_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        list_page(body)


@pytest.mark.parametrize(
    "body", [b"", b"garbage", b"<ListBucketResult/>", b"<DeleteResult><Deleted><Key>\xff</Key></Deleted>"]
)
def test_a_document_that_is_no_answer_to_a_delete_is_an_error(body: bytes) -> None:
    with pytest.raises(AnswerError):
        delete_answer(body)


@pytest.mark.parametrize("field", ["Size", "LastModified"])
def test_an_entry_of_a_listing_that_is_not_understood_is_an_error(field: str) -> None:
    entry = {"Key": "k", "Size": "1", "ETag": "e", "LastModified": "2024-02-29T12:30:00Z", field: "x"}
    fields = "".join(f"<{name}>{text}</{name}>" for name, text in entry.items())
    with pytest.raises(AnswerError, match="not understood"):
        list_page(f"<ListBucketResult><Contents>{fields}</Contents></ListBucketResult>".encode())


@QUICK
@given(
    NAMESPACES,
    st.lists(st.tuples(IN_XML, st.sampled_from(["Deleted", "Error", "none"]), st.booleans()), min_size=1, max_size=4),
    st.booleans(),
)
def test_an_answer_to_a_delete_means_what_it_means_to_botocore(
    namespace: str, told: list[tuple[str, str, bool]], quiet: bool
) -> None:
    told = list({key: (key, kind, marker) for key, kind, marker in told}.values())
    body = f"<DeleteResult{namespace}>"
    for key, kind, marker in told:
        text = escape(key, {"\r": "&#13;", "\n": "&#10;"})
        if kind == "Deleted":
            more = "<DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>1</DeleteMarkerVersionId>" if marker else ""
            body += f"<Deleted><Key>{text}</Key>{more}</Deleted>"
        elif kind == "Error":
            body += f"<Error><Key>{text}</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
    document = f"{body}</DeleteResult>".encode()
    operation = TABLE.delete_objects("bucket", [ObjectKey(key) for key, _, _ in told], DeleteOptions(quiet=quiet))
    theirs = by_botocore(operation, document)
    if quiet:  # who is not named is deleted, then
        theirs = DeleteResult(errors=tuple(each for each in theirs.errors if each.code != "NoAnswer"))
    assert operation.meaning(delete_answer(document)) == theirs
    assert not is_error(document)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", False),
        (b"<CopyPartResult/>", False),
        (b"<DeleteResult><Error><Key>k</Key></Error></DeleteResult>", False),
        (b"<Error><Code>SlowDown</Code></Error>", True),
        (b'<?xml version="1.0" encoding="UTF-8"?>\n\n<Error xmlns="x"/>', True),
        (b"<Error><Code>Slo", True),
        (b"garbage", True),
    ],
)
def test_a_success_that_is_none_is_told_by_its_body(body: bytes, expected: bool) -> None:
    assert is_error(body) is expected


def test_a_document_type_is_refused_before_anything_is_parsed() -> None:
    with pytest.raises(AnswerError, match="document type"):
        is_error(b"<!DOCTYPE html><html/>")


ANSWERED: dict[str, str] = {
    "content-length": "5",
    "etag": '"etag"',
    "last-modified": "Thu, 29 Feb 2024 12:30:00 GMT",
    "content-type": "text/plain",
    "cache-control": "",
    "x-amz-meta-name": "value",
    "x-amz-version-id": "1",
    "x-amz-mp-parts-count": "3",
    "x-amz-storage-class": "GLACIER",
    "x-amz-server-side-encryption": "aws:kms",
    "x-amz-server-side-encryption-aws-kms-key-id": "key",
}


def test_the_headers_of_an_answer_mean_what_they_mean_to_botocore() -> None:
    operation = TABLE.head_object(REF, GetOptions())
    ours = operation.meaning(object_answer(Head(200, ANSWERED, keeps_alive=True)))
    assert ours == by_botocore(operation, b"", **ANSWERED)


@pytest.mark.parametrize("name", ["last-modified", "x-amz-mp-parts-count", "content-length"])
def test_a_header_that_is_not_what_its_name_says_is_an_error(name: str) -> None:
    with pytest.raises(AnswerError, match=name):
        object_answer(Head(200, {**ANSWERED, name: "x"}, keeps_alive=True))


# --- what was deleted quietly --------------------------------------------------------------------


def quietly(keys: list[ObjectKey], *errors: dict[str, str]) -> DeleteResult:
    operation = TABLE.delete_objects("bucket", keys, DeleteOptions(quiet=True))
    return operation.meaning({"Deleted": [], "Errors": list(errors)})


def test_of_a_quiet_delete_only_what_failed_is_told() -> None:
    keys = [ObjectKey("a"), ObjectKey("b"), ObjectKey("b", "1"), ObjectKey("c", "null")]
    assert quietly(keys) == DeleteResult()
    refusal = {"Code": "AccessDenied", "Message": "no"}
    assert quietly(keys, {"Key": "b", "VersionId": "1", **refusal}, {"Key": "c", **refusal}) == DeleteResult(
        errors=(DeleteError("b", "1", "AccessDenied", "no"), DeleteError("c", "null", "AccessDenied", "no"))
    )


def test_of_a_quiet_delete_a_failure_whose_key_is_not_known_is_not_taken_for_none() -> None:
    with pytest.raises(S3ServerError, match="later") as caught:
        quietly([ObjectKey("a")], {"Key": "another", "Code": "SlowDown", "Message": "later"})
    assert (caught.value.bucket, caught.value.code, caught.value.retryable) == ("bucket", "SlowDown", False)


def test_of_a_quiet_delete_one_failure_may_be_that_of_two_keys_and_hides_no_other() -> None:
    refusal = {"Code": "AccessDenied", "Message": "no"}
    keys = [ObjectKey("a"), ObjectKey("a", "null")]
    assert len(quietly(keys, {"Key": "a", "VersionId": "null", **refusal}).errors) == 2
    with pytest.raises(S3ServerError, match="no"):
        quietly(keys, {"Key": "a", "VersionId": "null", **refusal}, {"Key": "another", **refusal})


def test_silence_as_botocore_tells_it_is_no_success() -> None:
    operation = TABLE.delete_objects("bucket", [ObjectKey("a")], DeleteOptions(quiet=True))
    assert [error.code for error in operation.meaning({}).errors] == ["NoAnswer"]
    assert operation.meaning({"Deleted": [{"Key": "a"}]}) == DeleteResult()
