"""Tools for tests, ours and yours.

* `pyathena.testing.athena`: a local Athena over HTTP that answers as a test tells it to.
* `pyathena.testing.conformance`: the contract of `S3Transport` as a pytest class; needs pytest (the extra ``testing``).
* `pyathena.testing.faults`: transports and HTTP connections that fail, stall and break off as a script says.

Importing this package imports nothing else, so that it works without pytest.
"""

from __future__ import annotations

import sys

if "pytest" in sys.modules:
    import pytest

    # pytest shows the values in a failed `assert` of a module that it has rewritten; of others it says nothing.
    pytest.register_assert_rewrite("pyathena.testing.conformance")
