"""Where the examples run, and what they share.

    python examples/pandas_files.py                                     against moto's S3 server, in this process
    python examples/pandas_files.py --bucket NAME [--endpoint-url URL]              in a bucket that exists

Credentials for a real S3 are found as boto3 finds them. What is written lies below
``pyathena-examples/`` and is deleted.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pyathena.filesystem import S3FileSystem
from pyathena.transport import ConnectOptions

KEY = "testing"


@contextmanager
def moto() -> Iterator[str]:
    """Start moto's S3 server on a free port, and yield its URL."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        print(f"\n  moto's S3 server listens on {host}:{port}\n")
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def place(what: str | None) -> Iterator[tuple[str, ConnectOptions]]:
    """Read the command line, and yield a path to write below, and the options of a filesystem that reaches it.

    Args:
        what: what the example does, for ``--help``.
    """
    parser = argparse.ArgumentParser(description=what, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--endpoint-url", help="URL of an S3-compatible server; AWS if only --bucket is given")
    parser.add_argument("--bucket", help="a bucket that exists")
    arguments = parser.parse_args()
    if arguments.bucket is not None:
        yield from _cleaned(arguments.bucket, {"endpoint_url": arguments.endpoint_url})
    elif arguments.endpoint_url is not None:
        parser.error("--endpoint-url needs --bucket, a bucket that exists there")
    else:
        with moto() as endpoint:
            options: ConnectOptions = {"endpoint_url": endpoint, "key": KEY, "secret": KEY}
            S3FileSystem(**options, allow_bucket_creation=True).mkdir("example-bucket")
            yield from _cleaned("example-bucket", options)


def _cleaned(bucket: str, options: ConnectOptions) -> Iterator[tuple[str, ConnectOptions]]:
    root = f"{bucket}/pyathena-examples"
    try:
        yield root, options
    finally:
        fs = S3FileSystem(**options)
        if fs.exists(root):
            fs.rm(root, recursive=True)
        fs.close()
