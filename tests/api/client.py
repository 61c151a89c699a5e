"""A client that sends a key."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient


class Client:
    """Sends requests with a key and gives back Flask's test responses."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client = client
        self.key = key

    def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        return self.client.open(path, method=method, headers=headers, **options)

    def data(self, method: str, path: str, json: Any = None, *, status: int = 200) -> Any:
        """The `data` of an answer that has this status."""
        answer = self(method, path, json)
        assert answer.status_code == status, answer.get_data(as_text=True)
        return answer.get_json()["data"]

    def error(self, method: str, path: str, json: Any = None, *, status: int) -> Any:
        """The `error` of an answer that has this status."""
        answer = self(method, path, json)
        assert answer.status_code == status, answer.get_data(as_text=True)
        body = answer.get_json()
        assert body["success"] is False
        return body["error"]
