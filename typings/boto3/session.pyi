from typing import Any

class Session:
    def __init__(
        self,
        aws_access_key_id: str | None = ...,
        aws_secret_access_key: str | None = ...,
        aws_session_token: str | None = ...,
        region_name: str | None = ...,
        botocore_session: Any = ...,
        profile_name: str | None = ...,
        aws_account_id: str | None = ...,
    ) -> None: ...
    @property
    def region_name(self) -> str | None: ...
    def get_credentials(self) -> Any: ...
    def client(
        self,
        service_name: str,
        region_name: str | None = ...,
        api_version: str | None = ...,
        use_ssl: bool | None = ...,
        verify: bool | str | None = ...,
        endpoint_url: str | None = ...,
        aws_access_key_id: str | None = ...,
        aws_secret_access_key: str | None = ...,
        aws_session_token: str | None = ...,
        config: Any = ...,
        aws_account_id: str | None = ...,
    ) -> Any: ...
