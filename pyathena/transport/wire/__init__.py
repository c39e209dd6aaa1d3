"""S3 over HTTP without I/O: requests as bytes and headers, answers as values. The sockets are somebody else's.

* `pyathena.transport.wire.sigv4` signs;
* `pyathena.transport.wire.http1` frames requests and answers;
* `pyathena.transport.wire.s3` turns `pyathena.transport.operations.Operation` into requests, and answers into what it
  reads: those operations that carry the load, and of each what is plain.

Made for the fast path of the boto3 transport; a transport over other sockets can use the same. These modules know the
standard library, ``typing_extensions`` and their neighbours' values only.
"""
