"""What every transport checks before anything is sent: each check raises a `ValueError` that names the value.

For authors of transports. This module knows the standard library and ``typing_extensions`` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from typing_extensions import Buffer

from pyathena.transport.values import (
    MAX_DELETE_KEYS,
    MAX_TAGS,
    ByteRange,
    GetOptions,
    ObjectKey,
    ObjectRef,
    PutOptions,
)

__all__ = [
    "check_between",
    "check_begin_options",
    "check_body",
    "check_buffer",
    "check_delete_keys",
    "check_part_range",
    "check_tags",
    "check_target",
]


def check_between(name: str, value: int, low: int, high: int) -> None:
    """Check that ``low <= value <= high``."""
    if not low <= value <= high:
        raise ValueError(f"{name} is {low} to {high}, got {value}")


def check_body(body: Buffer) -> None:
    """Check that the bytes to send lie one after the other; of what format their items are says nothing."""
    view = memoryview(body)
    if not view.c_contiguous:
        raise ValueError(
            f"a body must be contiguous, got a view of shape {view.shape} and strides {view.strides}: use bytes(…)"
        )


def check_buffer(into: memoryview, byte_range: ByteRange) -> None:
    """Check that the range can be read into the view; how long an open range is, only the answer tells."""
    if into.readonly:
        raise ValueError("into must be writable, got a view that is read-only")
    if into.format != "B" or into.ndim != 1 or not into.contiguous:
        raise ValueError(
            f"into must be a contiguous view of single bytes, got format {into.format!r}, {into.ndim} dimensions, "
            f"strides {into.strides}: use memoryview(…).cast('B')"
        )
    if byte_range.size is not None and into.nbytes < byte_range.size:
        raise ValueError(f"into holds {into.nbytes} bytes, fewer than the {byte_range.size} of {byte_range}")


def check_part_range(byte_range: ByteRange, options: GetOptions) -> None:
    """Check that a part and a range are not asked for at once."""
    if options.part_number is not None and byte_range != ByteRange(0):
        raise ValueError(f"part_number={options.part_number} goes with ByteRange(0), got {byte_range}")


def check_target(target: ObjectRef) -> None:
    """Check that no version is given for what is to be written."""
    if target.version_id is not None:
        raise ValueError(f"S3 chooses the version of what is written, got version_id={target.version_id!r}")


def check_begin_options(options: PutOptions) -> None:
    """Check that an upload is not begun with conditions, which are for its end."""
    if options.if_match is not None or options.if_none_match is not None:
        raise ValueError(
            "if_match and if_none_match are conditions of complete_multipart_upload, got "
            f"if_match={options.if_match!r}, if_none_match={options.if_none_match!r}"
        )


def check_delete_keys(keys: Sequence[ObjectKey]) -> None:
    """Check that there are 1 to 1000 keys, and no two alike."""
    check_between("the number of keys", len(keys), 1, MAX_DELETE_KEYS)
    if len({(key.key, key.version_id) for key in keys}) == len(keys):
        return
    seen: set[ObjectKey] = set()
    for key in keys:
        if key in seen:
            raise ValueError(f"{key} is given twice; give each key once")
        seen.add(key)


def check_tags(tags: Mapping[str, str]) -> None:
    """Check that there are at most 10."""
    check_between("the number of tags", len(tags), 0, MAX_TAGS)
