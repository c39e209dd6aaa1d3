"""Transports that type checkers must refuse, since they are not what `S3Transport` says. Never executed."""

from __future__ import annotations

from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import ByteRange, GetOptions, ObjectInfo, ObjectRange, ObjectReader, ObjectRef, S3Transport


class OnlyReads:
    """It cannot write, list or delete; where reading is all that is asked for it is accepted."""

    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> ObjectInfo:
        raise NotImplementedError

    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        raise NotImplementedError


class WithoutInto:
    """It cannot be told where to put the bytes."""

    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> ObjectInfo:
        raise NotImplementedError

    async def get_object_range(
        self, ref: ObjectRef, byte_range: ByteRange, *, options: GetOptions = GetOptions()
    ) -> ObjectRange:
        raise NotImplementedError


class WrongAnswer:
    """Its answer is of the wrong type."""

    async def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> dict[str, object]:
        raise NotImplementedError

    async def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        raise NotImplementedError


class NoCoroutines:
    """Its methods cannot be awaited."""

    def head_object(self, ref: ObjectRef, *, options: GetOptions = GetOptions()) -> ObjectInfo:
        raise NotImplementedError

    def get_object_range(
        self,
        ref: ObjectRef,
        byte_range: ByteRange,
        *,
        into: memoryview | None = None,
        options: GetOptions = GetOptions(),
    ) -> ObjectRange:
        raise NotImplementedError


def refused() -> None:
    reader: ObjectReader = OnlyReads()
    reader = WithoutInto()  # type: ignore[assignment]  # reportAssignmentType: must be refused
    reader = WrongAnswer()  # type: ignore[assignment]  # reportAssignmentType: must be refused
    reader = NoCoroutines()  # type: ignore[assignment]  # reportAssignmentType: must be refused
    transport: S3Transport = reader  # type: ignore[assignment]  # reportAssignmentType: must be refused
    AioS3FileSystem(transport=OnlyReads())  # type: ignore[arg-type]  # reportArgumentType: must be refused
    S3FileSystem(transport=OnlyReads())  # type: ignore[arg-type]  # reportArgumentType: must be refused
    S3FileSystem(transport=transport.head_object)  # type: ignore[arg-type]  # reportArgumentType: must be refused
