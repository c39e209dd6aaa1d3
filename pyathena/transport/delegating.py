"""A base for transports above another one that treat all requests alike: one method to write rather than thirty."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from typing_extensions import Buffer, override

from pyathena.transport.protocol import CredentialsRefresher, S3Transport, operation_name
from pyathena.transport.values import MultipartUpload, ObjectRef

__all__ = ["Call", "DelegatingTransport"]

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Call:
    """A request: the method of `S3Transport`, and what it is about."""

    operation: str
    bucket: str | None = None
    key: str | None = None
    sent: int = field(default=0, compare=False, repr=False)
    """Bytes of its body, where that is an object's or a part's."""

    @property
    def s3_operation(self) -> str:
        """S3's name of the operation, as errors tell it."""
        return operation_name(self.operation)


def _delegated(
    method: Callable[Concatenate[S3Transport, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[DelegatingTransport, P], Coroutine[Any, Any, T]]:
    """Make the method of a `DelegatingTransport` that asks the transport below by the method of the same name."""
    operation = method.__name__
    names = list(inspect.signature(method).parameters)[1:]
    find_about = _finder(names, "target", "ref", "upload", "bucket")
    find_body = _finder(names, "body")

    @functools.wraps(method, updated=())  # else it would be as abstract as the method
    async def asked(self: DelegatingTransport, /, *args: P.args, **kwargs: P.kwargs) -> T:
        about, sent = find_about(args, kwargs), _size(find_body(args, kwargs))
        if isinstance(about, ObjectRef | MultipartUpload):
            call = Call(operation, about.bucket, about.key, sent)
        else:
            call = Call(operation, about)
        return await self._ask(call, lambda: getattr(self.inner, operation)(*args, **kwargs))

    return asked


def _finder(names: Sequence[str], *wanted: str) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
    """Return what finds, in the arguments of a call, the first of these that there are among the parameters."""
    for name in wanted:
        if name in names:
            at = names.index(name)
            return lambda args, kwargs: args[at] if at < len(args) else kwargs.get(name)
    return lambda args, kwargs: None


def _size(body: object) -> int:
    """Return the bytes of a body; what is none is for the transport below to refuse."""
    return memoryview(body).nbytes if isinstance(body, Buffer) else 0


class DelegatingTransport(S3Transport):
    """Passes every request on to another transport, by `_ask`, which a derived class writes."""

    def __init__(self, inner: S3Transport) -> None:
        self.inner = inner

    @override
    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {self.inner!r}, at {id(self):#x}>"

    @abstractmethod
    async def _ask(self, call: Call, send: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Be the request.

        Args:
            call: which.
            send: sends it to the transport below, and returns its answer.
        """

    head_object = _delegated(S3Transport.head_object)
    get_object_range = _delegated(S3Transport.get_object_range)
    put_object = _delegated(S3Transport.put_object)
    copy_object = _delegated(S3Transport.copy_object)
    create_multipart_upload = _delegated(S3Transport.create_multipart_upload)
    upload_part = _delegated(S3Transport.upload_part)
    upload_part_copy = _delegated(S3Transport.upload_part_copy)
    complete_multipart_upload = _delegated(S3Transport.complete_multipart_upload)
    abort_multipart_upload = _delegated(S3Transport.abort_multipart_upload)
    list_multipart_uploads = _delegated(S3Transport.list_multipart_uploads)
    delete_objects = _delegated(S3Transport.delete_objects)
    list_objects = _delegated(S3Transport.list_objects)
    list_object_versions = _delegated(S3Transport.list_object_versions)
    list_buckets = _delegated(S3Transport.list_buckets)
    get_object_tagging = _delegated(S3Transport.get_object_tagging)
    put_object_tagging = _delegated(S3Transport.put_object_tagging)
    get_object_acl = _delegated(S3Transport.get_object_acl)
    put_object_acl = _delegated(S3Transport.put_object_acl)
    get_bucket_versioning = _delegated(S3Transport.get_bucket_versioning)
    head_bucket = _delegated(S3Transport.head_bucket)
    create_bucket = _delegated(S3Transport.create_bucket)
    delete_bucket = _delegated(S3Transport.delete_bucket)
    get_bucket_acl = _delegated(S3Transport.get_bucket_acl)
    put_bucket_acl = _delegated(S3Transport.put_bucket_acl)
    put_bucket_versioning = _delegated(S3Transport.put_bucket_versioning)
    presigned_url = _delegated(S3Transport.presigned_url)

    async def refresh_credentials(self) -> bool:
        """Do it below, where that can be done: see `CredentialsRefresher`."""
        return isinstance(self.inner, CredentialsRefresher) and await self.inner.refresh_credentials()

    @override
    async def aclose(self) -> None:
        await self.inner.aclose()
