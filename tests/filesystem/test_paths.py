"""Paths to buckets and keys."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyathena.filesystem.paths import join, object_ref, split, strip_protocol
from pyathena.transport import ObjectRef


@pytest.mark.parametrize(
    ("path", "bucket", "key"),
    [
        ("s3://bucket/key", "bucket", "key"),
        ("s3a://bucket/a/b", "bucket", "a/b"),
        ("S3://bucket/key", "bucket", "key"),
        ("bucket/key", "bucket", "key"),
        ("/bucket/key", "bucket", "key"),
        ("s3://bucket", "bucket", ""),
        ("s3://bucket/", "bucket", ""),
        ("s3://", "", ""),
        ("", "", ""),
        ("s3://bucket//key", "bucket", "/key"),
        ("s3://bucket/a//b", "bucket", "a//b"),
        ("s3://bucket/a/", "bucket", "a/"),
        ("s3://bucket/../x", "bucket", "../x"),
        ("s3://bucket/a?b=1#c%20+", "bucket", "a?b=1#c%20+"),
        ("s3://bucket/s3://x", "bucket", "s3://x"),
        (
            "s3://arn:aws:s3:us-west-2:123456789012:accesspoint/name",
            "arn:aws:s3:us-west-2:123456789012:accesspoint/name",
            "",
        ),
        (
            "arn:aws:s3:us-west-2:123456789012:accesspoint/name/a/b",
            "arn:aws:s3:us-west-2:123456789012:accesspoint/name",
            "a/b",
        ),
        (
            "arn:aws:s3:us-west-2:123456789012:accesspoint:name/a/b",
            "arn:aws:s3:us-west-2:123456789012:accesspoint:name",
            "a/b",
        ),
        (
            "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/name/a",
            "arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/name",
            "a",
        ),
        (
            "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/name/a",
            "arn:aws:s3-object-lambda:us-west-2:123456789012:accesspoint/name",
            "a",
        ),
    ],
)
def test_a_path_is_split_into_bucket_and_key(path: str, bucket: str, key: str) -> None:
    assert split(path) == (bucket, key)


@given(st.text(min_size=1))
def test_a_key_survives_being_part_of_a_path(key: str) -> None:
    assert split("s3://" + join("bucket", key)) == ("bucket", key)


@pytest.mark.parametrize("path", ["gs://bucket/key", "file:///tmp/x", "https://bucket.s3.amazonaws.com/key"])
def test_a_path_of_another_protocol_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="should be s3://bucket/key"):
        strip_protocol(path)


@pytest.mark.parametrize("path", [None, 3, b"s3://bucket/key", ["s3://bucket/key"]])
def test_what_is_no_path_is_refused(path: object) -> None:
    with pytest.raises(TypeError, match="s3://bucket/key"):
        strip_protocol(path)  # type: ignore[arg-type]  # that is the point


def test_a_path_without_a_bucket_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a bucket"):
        split("s3:///key")


def test_an_arn_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not the ARN of an access point"):
        split("arn:aws:iam::123456789012:role/name")


@pytest.mark.parametrize("path", ["s3://bucket", "s3://bucket/", "s3://", ""])
def test_an_object_needs_a_key(path: str) -> None:
    with pytest.raises(ValueError, match="needs bucket and key"):
        object_ref(path)


def test_a_path_object_is_a_path() -> None:
    assert object_ref(pathlib.PurePosixPath("bucket/key")) == ObjectRef("bucket", "key")
