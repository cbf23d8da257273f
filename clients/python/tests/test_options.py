"""What is refused when a client is made, and what is sent along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from persona_registry import Personas, Unauthenticated, UsageError, aio


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:50051/", "http://127.0.0.1:50051"),
        ("localhost:7000", "http://localhost:7000"),
        ("registry.example", "http://registry.example:50051"),
        ("[::1]:7000", "http://[::1]:7000"),
        ("[::1]", "http://[::1]:50051"),
        ("https://registry.example", "https://registry.example:50051"),
    ],
)
def test_scheme_and_port_may_be_left_out(text: str, url: str) -> None:
    assert Personas(text)._options.selection.target == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://a:1",
        "HTTPS://a:1",
        "http://a:1/v1",
        "a:",
        "a:b",
        "a:99999",
        "a:0",
        "a b",
        "user@a:1",
        "::1",
    ],
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="target"):
        Personas(text)


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("namespace", {"namespace": "-"}),
        ("namespace", {"namespace": "Payments"}),
        ("alias", {"alias": "a b"}),
        ("names", {"names": [f"n{number}" for number in range(1001)]}),
        ("names", {"names": "abc"}),
        ("filter", {"filter": "a" * 4097}),
        ("token", {"token": "two words"}),
        ("token", {"token": ""}),
        ("token", {"token": "tökén"}),
        ("ca_cert", {"ca_cert": "/nowhere.pem"}),
        ("client_cert", {"client_cert": __file__}),
        ("TLS", {"server_name": "a"}),
        ("first_sync_timeout", {"first_sync_timeout": -1}),
        ("call_timeout", {"call_timeout": 0}),
        ("call_timeout", {"call_timeout": float("nan")}),
        ("retries", {"retries": -1}),
        ("backoff_first", {"backoff_first": 0}),
        ("backoff_most", {"backoff_first": 2, "backoff_most": 1}),
        ("progress_interval", {"progress_interval": 0.5}),
        ("progress_interval", {"progress_interval": 61}),
    ],
)
@pytest.mark.parametrize("client", [Personas, aio.Personas])
def test_what_cannot_be_meant_is_refused_in_words(client: type[Any], option: str, values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=option) as refused:
        client("127.0.0.1", **values)
    assert "two words" not in str(refused.value)


def test_a_token_goes_in_plain_sight_to_this_machine_only() -> None:
    for here in ("127.0.0.1", "http://127.8.8.8", "localhost:1", "[::1]", "https://registry.example"):
        assert Personas(here, token="t").metadata() == (("authorization", "Bearer t"),)
    with pytest.raises(UsageError, match="plain sight"):
        Personas("http://registry.example", token="t")
    assert Personas("registry.example", token="t", allow_insecure_token=True).metadata()
    assert Personas("registry.example").metadata() == ()


def test_a_function_is_asked_each_time_and_may_fail(tmp_path: Path) -> None:
    file = tmp_path / "token"
    personas = Personas("127.0.0.1", token=file.read_text)
    with pytest.raises(Unauthenticated, match="no token"):
        personas.metadata()
    for text in ("first\n", "second"):
        file.write_text(text)
        assert personas.metadata() == (("authorization", f"Bearer {text.strip()}"),)
