from typing import Any

URLLib3Session: Any

def get_cert_path(verify: bool | str | None) -> str: ...
