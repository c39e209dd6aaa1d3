from typing import Any

S3SigV4Auth: Any
