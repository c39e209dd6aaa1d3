from typing import Any

AWSRequest: Any
AWSResponse: Any
