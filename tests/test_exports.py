"""What each package hands out, and what importing it brings along."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = {
    "pyathena": [
        "BINARY",
        "BOOLEAN",
        "Binary",
        "DATE",
        "DATETIME",
        "DataError",
        "DatabaseError",
        "Date",
        "DateFromTicks",
        "Error",
        "ExecuteOptions",
        "IntegrityError",
        "InterfaceError",
        "InternalError",
        "JSON",
        "NUMBER",
        "NotSupportedError",
        "OperationalError",
        "ProgrammingError",
        "RetryConfig",
        "STRING",
        "TIME",
        "Time",
        "TimeFromTicks",
        "Timestamp",
        "TimestampFromTicks",
        "Warning",
        "__version__",
        "aio_connect",
        "apilevel",
        "connect",
        "paramstyle",
        "threadsafety",
    ],
    "pyathena.filesystem": [
        "AioS3CompressedFile",
        "AioS3File",
        "AioS3FileSystem",
        "AioS3TextFile",
        "Registration",
        "S3CompressedFile",
        "S3File",
        "S3FileSystem",
        "S3OpenCompressedFile",
        "S3OpenFile",
        "S3OpenTextFile",
        "S3TextFile",
        "register",
    ],
    "pyathena.filesystem.s3": [
        "AioS3CompressedFile",
        "AioS3File",
        "AioS3FileSystem",
        "AioS3TextFile",
        "S3CompressedFile",
        "S3File",
        "S3FileSystem",
        "S3OpenCompressedFile",
        "S3OpenFile",
        "S3OpenTextFile",
        "S3TextFile",
    ],
    "pyathena.testing": [],
    "pyathena.testing.athena": [
        "Answer",
        "Column",
        "Execution",
        "LocalAthena",
        "QueryError",
        "QueryRequest",
        "Table",
        "WorkGroup",
    ],
    "pyathena.testing.faults": [
        "BreakOff",
        "Call",
        "Delay",
        "ErrorFactory",
        "ErrorIn200",
        "Exchange",
        "Fail",
        "Fault",
        "FaultProxy",
        "FaultyTransport",
        "Garbage",
        "Hang",
        "LoseAnswer",
        "OPERATIONS",
        "ProxyFault",
        "Reset",
        "Script",
        "Short",
        "SlowDown",
        "Stall",
    ],
    "pyathena.transport": [
        "AccessControl",
        "BlockingBoto3Transport",
        "BucketAdmin",
        "BucketInfo",
        "BucketPage",
        "ByteRange",
        "CompletedPart",
        "ConnectOptions",
        "ConnectionLike",
        "CopyOptions",
        "CredentialsRefresher",
        "CustomerKey",
        "DeleteError",
        "DeleteOptions",
        "DeleteResult",
        "DeletedObject",
        "GetOptions",
        "Grant",
        "InMemoryTransport",
        "ListPage",
        "MAX_DELETE_KEYS",
        "MAX_PAGE_SIZE",
        "MAX_PARTS",
        "MAX_PART_SIZE",
        "MAX_PRESIGNED_SECONDS",
        "MAX_TAGS",
        "MIN_PART_SIZE",
        "MultipartUpload",
        "MultipartWriter",
        "ObjectAdmin",
        "ObjectDeleter",
        "ObjectInfo",
        "ObjectKey",
        "ObjectLister",
        "ObjectRange",
        "ObjectReader",
        "ObjectRef",
        "ObjectSummary",
        "ObjectVersion",
        "ObjectWriter",
        "ObservingTransport",
        "PresignedOperation",
        "PutOptions",
        "PutResult",
        "RequestOptions",
        "RequestReport",
        "RetryPolicy",
        "RetryingTransport",
        "S3AlreadyExistsError",
        "S3ChecksumError",
        "S3ClosedError",
        "S3ConflictError",
        "S3ConnectionError",
        "S3DeleteDeniedError",
        "S3DeleteError",
        "S3Error",
        "S3ExpiredCredentialsError",
        "S3IncompleteReadError",
        "S3InvalidRangeError",
        "S3InvalidRequestError",
        "S3NotFoundError",
        "S3NotModifiedError",
        "S3NotSupportedError",
        "S3PermissionError",
        "S3PreconditionError",
        "S3ServerError",
        "S3ThrottledError",
        "S3TimeoutError",
        "S3Transport",
        "ThreadedBoto3Transport",
        "UploadPage",
        "UrlSigner",
        "VersionPage",
        "VersioningStatus",
    ],
}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_hands_out_these_names_and_no_others(package: str) -> None:
    names = list(getattr(importlib.import_module(package), "__all__", []))
    assert sorted(names) == PACKAGES[package]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_can_be_had(package: str) -> None:
    module = importlib.import_module(package)
    for name in PACKAGES[package]:
        assert getattr(module, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'ThreadedBoto4Transport'"):
        importlib.import_module("pyathena.transport").ThreadedBoto4Transport  # noqa: B018 - looking it up is the test


def test_every_error_stands_in_the_tree_that_the_module_shows() -> None:
    errors = importlib.import_module("pyathena.transport.errors")
    for name in errors.__all__:
        assert name in (errors.__doc__ or "")
        assert issubclass(getattr(errors, name), errors.S3Error)


WITHOUT_BOTO3 = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("boto3", "botocore", "urllib3", "s3transfer"):
            raise ImportError(f"{name} is not to be had here")

sys.meta_path.insert(0, Refuse())

import asyncio
from pyathena.filesystem.s3 import AioS3FileSystem, S3FileSystem
from pyathena.transport import InMemoryTransport

transport = InMemoryTransport(buckets=["bucket"])

async def program():
    fs = AioS3FileSystem(transport=transport, asynchronous=True)
    async with fs.open("s3://bucket/key", "wb") as f:
        await f.write(b"data")
    assert await fs._cat_file("bucket/key") == b"data"

asyncio.run(program())
assert S3FileSystem(transport=transport).cat_file("bucket/key") == b"data"
assert AioS3FileSystem(transport=transport).ls("bucket") == ["bucket/key"]
try:
    AioS3FileSystem()
except ImportError as error:
    print(error)
"""


def test_the_filesystem_works_with_an_injected_transport_where_boto3_cannot_be_imported() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_BOTO3], check=True, capture_output=True, text=True, timeout=50
    )
    assert "is not to be had here" in ran.stdout


def test_a_transport_whose_extra_is_missing_says_what_to_install() -> None:
    program = """
import sys
sys.modules["aiobotocore"] = None  # so that it cannot be imported
try:
    import pyathena.transport.aiobotocore
except ImportError as error:
    print(error.name, error)
"""
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50)
    assert ran.stdout == "aiobotocore aiobotocore is not installed: pip install 'pyathena[aiobotocore]'\n"


@pytest.mark.parametrize(
    "modules",
    [
        "pyathena.transport.protocol, pyathena.transport.memory",
        "pyathena.converter, pyathena.errors, pyathena.formatter",
    ],
    ids=["the seam", "values of Athena"],
)
def test_what_does_no_io_imports_neither_boto3_nor_fsspec_nor_asyncio(modules: str) -> None:
    program = (
        f"import sys; import {modules}; "
        "print([name for name in ('boto3', 'botocore', 'fsspec', 'asyncio', 'pytest') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50)
    assert ran.stdout.strip() == "[]"


def _modules_after(program: str) -> set[str]:
    """Return what modules there are when a program has run in a process of its own, with all warnings as errors."""
    shown = f"{program}; import sys; print(' '.join(sys.modules))"
    command = [sys.executable, "-W", "error", "-c", shown]
    return set(subprocess.run(command, check=True, capture_output=True, text=True, timeout=50).stdout.split())


@pytest.mark.parametrize(
    "modules",
    [
        "pyathena",
        "pyathena.transport, pyathena.transport.boto3",
        "pyathena.filesystem.s3",
        "pyathena.connection, pyathena.aio.connection, pyathena.cursor, pyathena.aio.cursor",
    ],
)
def test_importing_brings_along_nothing_that_is_not_needed_by_all(modules: str) -> None:
    foreign = {
        *("pandas", "pyarrow", "polars", "numpy", "duckdb", "dask", "zarr", "pytest", "moto"),
        *("aiohttp", "requests", "httpx", "aiobotocore", "s3fs", "tqdm", "yaml", "prometheus_client"),
    }
    imported = _modules_after(f"import {modules}")
    assert not imported & foreign
    of_fsspec = {name for name in imported if name.startswith("fsspec.implementations.")}
    assert of_fsspec <= {"fsspec.implementations.local"}  # which knows what local paths mean, for get and put


def test_importing_the_package_itself_brings_neither_boto3_nor_fsspec_nor_asyncio() -> None:
    assert not _modules_after("import pyathena") & {"boto3", "botocore", "fsspec", "asyncio", "urllib3"}


def test_faults_need_neither_boto3_nor_pytest() -> None:
    program = (
        "import sys; import pyathena.testing.faults; "
        "print([name for name in ('boto3', 'botocore', 'fsspec', 'pytest') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50)
    assert ran.stdout.strip() == "[]"


def test_the_engine_imports_no_asyncio() -> None:
    for module in ("engine", "reading", "writing", "planning", "paths", "listing", "options"):
        source = importlib.import_module(f"pyathena.filesystem.{module}").__file__
        assert source is not None
        with open(source) as file:
            assert "import asyncio" not in file.read()
