from collections.abc import Callable
from typing import Any

class AssumeRoleCredentialFetcher:
    def __init__(
        self,
        client_creator: Callable[..., Any],
        source_credentials: Any,
        role_arn: str,
        extra_args: dict[str, Any] | None = ...,
        mfa_prompter: Callable[[str], str] | None = ...,
        cache: Any = ...,
        expiry_window_seconds: int | None = ...,
    ) -> None: ...
    def fetch_credentials(self) -> Any: ...

class DeferredRefreshableCredentials:
    def __init__(
        self, refresh_using: Callable[[], Any], method: str, time_fetcher: Callable[[], Any] = ...
    ) -> None: ...

class Credentials:
    access_key: str
    secret_key: str
    token: str | None
    def __init__(
        self,
        access_key: str,
        secret_key: str,
        token: str | None = ...,
        method: str | None = ...,
        account_id: str | None = ...,
    ) -> None: ...
