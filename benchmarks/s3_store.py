"""What the benchmarks' S3 server holds and answers: objects in memory, and the operations that the workloads need.

It checks neither signatures nor checksums, and an ETag is a number rather than an MD5, which would take longer than the
rest. Each operation is as its page under https://docs.aws.amazon.com/AmazonS3/latest/API/ says, for path-style URLs.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import count
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape, unescape

from benchmarks.content import content
from benchmarks.s3_http import Answer, Request

__all__ = ["Bucket", "Store", "Stored"]

_NAMESPACE: Final = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
_MODIFIED: Final = ("2024-01-02T03:04:05.000Z", "Tue, 02 Jan 2024 03:04:05 GMT")
_KEY: Final = re.compile(rb"<Key>(.*?)</Key>", re.DOTALL)
_PART: Final = re.compile(rb"<PartNumber>\s*(\d+)\s*</PartNumber>")
_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")
_etags: Final = count(1)
# The next run wants the same large object again.
_content: Final = lru_cache(maxsize=1)(content)


class Stored:
    """An object. The parts of an upload are joined only if somebody asks for their bytes."""

    def __init__(self, *pieces: bytes | memoryview) -> None:
        self.size = sum(map(len, pieces))
        self.etag = f'"{next(_etags):032x}"'
        self._pieces = pieces

    @cached_property
    def data(self) -> memoryview:
        return memoryview(self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces))

    def listed(self, key: str) -> str:
        """Return it as it stands in a listing."""
        return (
            f"<Contents><Key>{key}</Key><LastModified>{_MODIFIED[0]}</LastModified><ETag>{escape(self.etag)}</ETag>"
            f"<Size>{self.size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        )


@dataclass(slots=True)
class Bucket:
    """Objects by key, and the parts of uploads by id and number."""

    objects: dict[str, Stored] = field(default_factory=dict)
    uploads: dict[str, dict[int, memoryview]] = field(default_factory=dict)
    _sorted: list[str] | None = None
    _listed: dict[str, dict[str, str]] = field(default_factory=dict)

    def put(self, key: str, stored: Stored) -> None:
        if key not in self.objects:
            self._sorted = None
        self.objects[key] = stored
        for shown in self._listed.values():
            shown.pop(key, None)

    def delete(self, key: str) -> None:
        if self.objects.pop(key, None) is not None:
            self._sorted = None
            for shown in self._listed.values():
                shown.pop(key, None)

    def seed(self, keys: list[str], size: int) -> None:
        """Make objects whose content has their number in the list as its seed, and what a listing says of them."""
        for number, key in enumerate(keys):
            self.put(key, Stored(_content(size, number)))
        for encoding in ("", "url"):
            for key in keys:
                self.listed(key, encoding)

    def listed(self, key: str, encoding: str) -> str:
        """Return an object as a listing shows it."""
        shown = self._listed.setdefault(encoding, {})
        found = shown.get(key)
        if found is None:
            found = shown[key] = self.objects[key].listed(_encoded(key, encoding))
        return found

    @property
    def keys(self) -> list[str]:
        """All keys in their order, which is that of their UTF-8 bytes."""
        if self._sorted is None:
            self._sorted = sorted(self.objects)
        return self._sorted


class Store:
    """Answers S3's requests."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self._uploads = count(1)

    def operation(self, request: Request) -> str:
        """Return S3's name of what is asked."""
        _, key = _split(request.path)
        method, query = request.method, request.query
        if not key:
            if method == "POST" and "delete" in query:
                return "DeleteObjects"
            return {"GET": "ListObjectsV2", "HEAD": "HeadBucket", "PUT": "CreateBucket"}.get(method, "Unknown")
        if "uploads" in query and method == "POST":
            return "CreateMultipartUpload"
        if "uploadId" in query:
            uploading = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}
            return uploading.get(method, "Unknown")
        single = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
        return single.get(method, "Unknown")

    def answer(self, request: Request) -> Answer:
        """Answer a request to S3."""
        name, key = _split(request.path)
        operation = self.operation(request)
        if operation == "CreateBucket":
            self.buckets.setdefault(name, Bucket())
            return Answer()
        if operation == "ListObjectsV2" and request.query.get("list-type") != "2":
            operation = "Unknown"
        bucket = self.buckets.get(name)
        if bucket is None:
            return _error(404, "NoSuchBucket", request)
        function = _OPERATIONS.get(operation)
        if function is None:
            return _error(501, "NotImplemented", request)
        return function(self, bucket, key, request)

    def _head_bucket(self, bucket: Bucket, key: str, request: Request) -> Answer:
        return Answer(headers={"x-amz-bucket-region": "us-east-1"})

    def _get(self, bucket: Bucket, key: str, request: Request) -> Answer:
        stored = bucket.objects.get(key)
        if stored is None:
            return _error(404, "NoSuchKey", request)
        if request.headers.get("if-match", stored.etag) not in (stored.etag, "*"):
            return _error(412, "PreconditionFailed", request)
        headers = {
            "ETag": stored.etag,
            "Last-Modified": _MODIFIED[1],
            "Accept-Ranges": "bytes",
            "Content-Type": "binary/octet-stream",
        }
        start, stop, status = 0, stored.size, 200
        if found := _RANGE.fullmatch(request.headers.get("range", "")):
            if found[1]:
                start, stop = int(found[1]), min(int(found[2] or stored.size) + 1, stored.size)
            else:
                start = max(0, stored.size - int(found[2]))
            if start >= stop:
                return _error(416, "InvalidRange", request)
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size}"
            status = 206
        if request.method == "HEAD":
            return Answer(status, headers=headers, length=stop - start)
        return Answer(status, stored.data[start:stop], headers)

    def _put(self, bucket: Bucket, key: str, request: Request) -> Answer:
        if request.headers.get("if-none-match") == "*" and key in bucket.objects:
            return _error(412, "PreconditionFailed", request)
        stored = Stored(request.body)
        bucket.put(key, stored)
        return Answer(headers={"ETag": stored.etag})

    def _delete(self, bucket: Bucket, key: str, request: Request) -> Answer:
        bucket.delete(key)
        return Answer(204)

    def _delete_many(self, bucket: Bucket, key: str, request: Request) -> Answer:
        body = bytes(request.body)
        keys = [unescape(found.decode(), {"&quot;": '"', "&apos;": "'"}) for found in _KEY.findall(body)]
        for each in keys:
            bucket.delete(each)
        quiet = b"<Quiet>true</Quiet>" in body
        told = "" if quiet else "".join(f"<Deleted><Key>{escape(each)}</Key></Deleted>" for each in keys)
        return _xml("DeleteResult", told)

    def _create_upload(self, bucket: Bucket, key: str, request: Request) -> Answer:
        upload = f"upload-{next(self._uploads)}"
        bucket.uploads[upload] = {}
        told = f"<Key>{escape(key)}</Key><UploadId>{upload}</UploadId>"
        return _xml("InitiateMultipartUploadResult", f"<Bucket>{_split(request.path)[0]}</Bucket>{told}")

    def _put_part(self, bucket: Bucket, key: str, request: Request) -> Answer:
        parts = bucket.uploads.get(request.query["uploadId"])
        if parts is None:
            return _error(404, "NoSuchUpload", request)
        parts[int(request.query["partNumber"])] = request.body
        return Answer(headers={"ETag": f'"{next(_etags):032x}"'})

    def _complete_upload(self, bucket: Bucket, key: str, request: Request) -> Answer:
        parts = bucket.uploads.pop(request.query["uploadId"], None)
        if parts is None:
            return _error(404, "NoSuchUpload", request)
        numbers = [int(number) for number in _PART.findall(bytes(request.body))]
        if not numbers or not parts.keys() >= set(numbers) or numbers != sorted(numbers):
            return _error(400, "InvalidPart", request)
        stored = Stored(*[parts[number] for number in numbers])
        bucket.put(key, stored)
        told = f"<Key>{escape(key)}</Key><ETag>{escape(stored.etag)}</ETag>"
        return _xml("CompleteMultipartUploadResult", f"<Bucket>{_split(request.path)[0]}</Bucket>{told}")

    def _abort_upload(self, bucket: Bucket, key: str, request: Request) -> Answer:
        if bucket.uploads.pop(request.query["uploadId"], None) is None:
            return _error(404, "NoSuchUpload", request)
        return Answer(204)

    def _list(self, bucket: Bucket, key: str, request: Request) -> Answer:
        query = request.query
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        encoding = query.get("encoding-type", "")
        most = min(int(query.get("max-keys") or 1000), 1000)
        after = query.get("continuation-token") or query.get("start-after", "")
        found, prefixes, token = _page(bucket.keys, prefix, delimiter, after, most)
        told = [
            f"<Name>{_split(request.path)[0]}</Name><Prefix>{_encoded(prefix, encoding)}</Prefix>",
            f"<MaxKeys>{most}</MaxKeys><KeyCount>{len(found) + len(prefixes)}</KeyCount>",
            f"<IsTruncated>{'false' if token is None else 'true'}</IsTruncated>",
        ]
        if delimiter:
            told.append(f"<Delimiter>{_encoded(delimiter, encoding)}</Delimiter>")
        if encoding:
            told.append(f"<EncodingType>{encoding}</EncodingType>")
        if token is not None:
            told.append(f"<NextContinuationToken>{escape(token)}</NextContinuationToken>")
        told += [bucket.listed(each, encoding) for each in found]
        told += [f"<CommonPrefixes><Prefix>{_encoded(each, encoding)}</Prefix></CommonPrefixes>" for each in prefixes]
        return _xml("ListBucketResult", "".join(told))


_OPERATIONS: Final[dict[str, Callable[[Store, Bucket, str, Request], Answer]]] = {
    "HeadBucket": Store._head_bucket,
    "ListObjectsV2": Store._list,
    "DeleteObjects": Store._delete_many,
    "GetObject": Store._get,
    "HeadObject": Store._get,
    "PutObject": Store._put,
    "DeleteObject": Store._delete,
    "CreateMultipartUpload": Store._create_upload,
    "UploadPart": Store._put_part,
    "CompleteMultipartUpload": Store._complete_upload,
    "AbortMultipartUpload": Store._abort_upload,
}


def _page(
    keys: list[str], prefix: str, delimiter: str, after: str, most: int
) -> tuple[list[str], list[str], str | None]:
    """Return the keys and the common prefixes of a page, and what the next one comes after."""
    end = _behind(keys, prefix)
    if delimiter and after.endswith(delimiter) and after.startswith(prefix):
        position = _behind(keys, after)  # a common prefix stands for all keys below it
    else:
        position = max(bisect_left(keys, prefix), bisect_right(keys, after))
    if not delimiter:
        found = keys[position : min(end, position + most)]
        return found, [], found[-1] if found and position + most < end else None
    found = []
    prefixes: list[str] = []
    last = after
    while position < end and len(found) + len(prefixes) < most:
        last = keys[position]
        cut = last.find(delimiter, len(prefix))
        if cut < 0:
            found.append(last)
            position += 1
        else:
            last = last[: cut + len(delimiter)]
            prefixes.append(last)
            position = _behind(keys, last)
    return found, prefixes, last if position < end else None


def _behind(keys: list[str], prefix: str) -> int:
    """Return where the keys that begin so end."""
    return bisect_right(keys, prefix + chr(0x10FFFF)) if prefix else len(keys)


def _encoded(text: str, encoding: str) -> str:
    return quote(text, safe="/") if encoding == "url" else escape(text)


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path[1:].partition("/")
    return bucket, key


def _xml(root: str, inner: str, status: int = 200) -> Answer:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} {_NAMESPACE}>{inner}</{root}>'
    return Answer(status, text.encode(), {"Content-Type": "application/xml"})


def _error(status: int, code: str, request: Request) -> Answer:
    if request.method == "HEAD":
        return Answer(status)
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{code}</Message></Error>'
    return Answer(status, text.encode(), {"Content-Type": "application/xml"})
