"""Why there is no access token, in words for a person. Nothing secret goes in: no token, code or state."""

from __future__ import annotations

from urllib.parse import urlsplit

from mcp_tui.core.errors import ErrorInfo, ErrorKind
from mcp_tui.core.text import clean_line
from mcp_tui.sessions.fault import Fault, Remedy
from mcp_tui.sessions.tokens import AuthorisationError

_MAX_SAID = 300


def failed(title: str, detail: str, hint: str = "", *, code: str = "sign_in_failed") -> AuthorisationError:
    """A person has to do something: sign in again, correct the entry, talk to the server's people."""
    return AuthorisationError(Fault(ErrorInfo(title, detail, hint, ErrorKind.AUTH, code), Remedy.AUTH))


def unreachable(title: str, detail: str, retry_after_s: float | None = None) -> AuthorisationError:
    """Trying again later can help."""
    info = ErrorInfo(title, detail, kind=ErrorKind.UNREACHABLE, code="authorization_server_unreachable")
    return AuthorisationError(Fault(info, retry_after_s=retry_after_s))


def host_of(url: str) -> str:
    """Host and port of a URL, for a sentence."""
    try:
        return clean_line(urlsplit(url).netloc.rpartition("@")[2])[:200] or "?"
    except ValueError:
        return "?"


def said(text: str) -> str:
    """A sentence of the other side, on one line and not too long."""
    text = clean_line(text).strip()
    return text if len(text) <= _MAX_SAID else f"{text[:_MAX_SAID]}…"
