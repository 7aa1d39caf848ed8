"""What must never reach the disk: the secrets of a server's entry and of its sign-in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from mcp_tui.config import mask
from mcp_tui.config.schema import ServerSpec

MASK = mask.MASK
SHORTEST = 6
"""Shorter values are not looked for in messages: replacing them would alter what is no secret at all."""

_HIDDEN_HEADERS = frozenset(
    {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "authentication-info"}
)
_GO = re.compile("[<>&]")
_SESSION_HEADERS = frozenset({"mcp-session-id"})


class Secrets:
    """`hide` may be called on any thread, at any time, for tokens that appear later."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._forms: tuple[bytes, ...] = ()
        self._header_names = _HIDDEN_HEADERS
        for value in values:
            self.hide(value)

    @classmethod
    def of(cls, spec: ServerSpec) -> Secrets:
        """Everything in the entry that looks like a secret by its name or its shape."""
        found = cls(_values(spec))
        names = (name.lower() for name, value in spec.headers.items() if value in _hidden(f"{name}={value}"))
        found._header_names = _HIDDEN_HEADERS | frozenset(names)
        return found

    def hide(self, value: str) -> None:
        if len(value) < SHORTEST:
            return
        # Where it may stand: as it is, in a URL, and as JSON writes it in a string; PHP and Go escape more of it.
        plain = json.dumps(value)[1:-1]
        forms = [value, plain, json.dumps(value, ensure_ascii=False)[1:-1], plain.replace("/", "\\/")]
        forms.append(_GO.sub(lambda found: f"\\u{ord(found.group()):04x}", plain))
        forms.append(quote(value, safe="", errors="surrogatepass"))
        new = {form.encode("utf-8", "surrogatepass") for form in forms} | set(self._forms)
        # The longest first: a secret may be part of another one (`TOKEN` of `Bearer TOKEN`).
        self._forms = tuple(sorted(new, key=lambda form: (-len(form), form)))

    def clean(self, raw: bytes) -> bytes:
        for form in self._forms:
            if form in raw:
                raw = raw.replace(form, MASK.encode())
        return raw

    def clean_text(self, text: str) -> str:
        if not self._forms:
            return text
        return self.clean(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def headers(self, raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
        """Decoded, names in lower case, repeated ones joined. A session id becomes a mark that tells two apart."""
        shown: dict[str, str] = {}
        for raw_name, raw_value in raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            if name in self._header_names:
                value = MASK
            elif name in _SESSION_HEADERS:
                value = f"{MASK}{sha256(raw_value).hexdigest()[:6]}"
            else:
                value = self.clean_text(value)
            shown[name] = f"{shown[name]}, {value}" if name in shown else value
        return shown


def _values(spec: ServerSpec) -> Iterator[str]:
    for name, value in spec.headers.items():
        for secret in _hidden(f"{name}={value}"):
            yield from _with_parts(name, secret)
    for name, value in spec.env.items():
        yield from _hidden(f"{name}={value}")
    for argument, shown in zip(spec.args, mask.arguments(spec.args), strict=True):
        yield from _masked_parts(argument, shown)
    if spec.url:
        yield from _masked_parts(spec.url, mask.url(spec.url))
    for name, shown in mask.auth(spec.auth or {}).items():
        value = (spec.auth or {}).get(name)
        if shown == MASK and isinstance(value, str):
            yield value


def _hidden(assignment: str) -> list[str]:
    """The parts of `NAME=VALUE` that the mask hides."""
    return _masked_parts(assignment, mask.arguments((assignment,))[0])


def _masked_parts(original: str, shown: str) -> list[str]:
    if MASK not in shown:
        return []  # the same, or only written in another way (`HTTP://`)
    pattern = "(.+?)".join(re.escape(piece) for piece in shown.split(MASK))
    found = re.fullmatch(pattern, original, re.DOTALL)
    # A mask that is no plain cut (a normalised URL): then all of it.
    hidden = list(found.groups()) if found is not None else [original]
    # `USER:PASSWORD` of a URL also hides the password alone.
    return [*hidden, *(password for part in hidden if (password := part.partition(":")[2]))]


def _with_parts(name: str, value: str) -> Iterator[str]:
    """`Bearer TOKEN` also hides TOKEN, a cookie header each of its values."""
    yield value
    if name.lower() == "cookie":
        try:
            yield from (morsel.value for morsel in SimpleCookie(value).values())
        except CookieError:
            return
    elif " " in value.strip():
        yield value.strip().rsplit(None, 1)[1]
