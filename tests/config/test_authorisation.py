"""`auth` of an entry: what it may say, and what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_tui.config.authorisation import AuthEntryError, auth_settings


def test_nothing_said_means_a_sign_in_with_the_browser() -> None:
    assert auth_settings(None).grant == "oauth"
    assert auth_settings({}).needs_person


def test_spellings_of_other_clients_are_understood() -> None:
    settings = auth_settings({"CLIENT_ID": "a", "CLIENT_SECRET": "b", "scopes": ["x", "y"], "issuer": None})
    assert (settings.client_id, settings.client_secret, settings.scope, settings.issuer) == ("a", "b", "x y", "")


@pytest.mark.parametrize(
    ("entry", "key", "words"),
    [
        ({"type": "oath"}, "type", "`oath` is not known"),
        ({"type": 3}, "type", "must be a text"),
        ({"client_secret": "hunter2"}, "client_secret", "needs a `client_id`"),
        ({"type": "client_credentials"}, "type", "needs `client_id`"),
        ({"type": "client_credentials", "client_id": "x"}, "type", "`client_secret` or `private_key_pem`"),
        ({"type": "enterprise", "client_id": "x", "client_secret": "hunter2"}, "type", "`idp_client_id`"),
        ({"type": "jwt_bearer"}, "type", "`assertion` or `assertion_file`"),
        ({"issuer": "login.example"}, "issuer", "http:// or https:// URL"),
        ({"client_metadata_url": "http://x/y"}, "client_metadata_url", "https:// URL with a path"),
        ({"redirect_uri": "http://example.com:1/x"}, "redirect_uri", "of this machine with a port"),
        ({"token_endpoint_auth_method": "magic"}, "token_endpoint_auth_method", "`magic` is not known"),
        ({"dpop": "yes"}, "dpop", "true or false"),
        ({"scope": [1]}, "scope", "must be a text"),
    ],
)
def test_what_is_wrong_is_named_without_its_value(entry: dict[str, Any], key: str, words: str) -> None:
    with pytest.raises(AuthEntryError) as caught:
        auth_settings(entry)
    assert caught.value.key == key
    assert words in caught.value.detail
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_in_the_repr() -> None:
    entry = {"client_id": "x", "client_secret": "hunter2", "private_key_pem": "hunter2", "idp_id_token": "hunter2"}
    assert "hunter2" not in repr(auth_settings({**entry, "assertion": "hunter2"}))


def test_tokens_belong_to_a_client_and_not_to_its_secret() -> None:
    one = auth_settings({"client_id": "x", "client_secret": "a"}).fingerprint()
    assert one == auth_settings({"client_id": "x", "client_secret": "b"}).fingerprint()
    assert one != auth_settings({"client_id": "y", "client_secret": "a"}).fingerprint()
