"""A loopback authorization server and the MCP server it guards, in a thread, that misbehave as told."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlencode

import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.sessions.servers.peer import Peer

Json = dict[str, Any]


@dataclass
class Asked:
    """One request that is no MCP request."""

    path: str
    fields: Json


@dataclass
class Behaviour:
    """Everything is well by default."""

    deny: bool = False
    hang_authorize: bool = False
    """The sign-in page never leads back."""
    dripping: frozenset[str] = frozenset()
    """Paths whose answer comes in drops and never ends."""
    wrong_state: bool = False
    iss: str | None = None
    """What the answer names as issuer; None = nothing."""
    announce_iss: bool = False
    endpoint_scheme: str = ""
    """E.g. `javascript:`; put before the endpoints of the metadata."""
    issuer: str = ""
    """What the metadata say; "" = the truth."""
    resource: str = ""
    resource_metadata_scheme: str = ""
    no_metadata: bool = False
    refuse_registration: bool = False
    refresh_status: int = 200
    refresh_tokens: bool = True
    expires_in_s: int | None = 3600
    code_challenge_methods: list[str] | None = field(default_factory=lambda: ["S256"])
    token_auth_methods: list[str] = field(default_factory=lambda: ["none", "client_secret_basic", "client_secret_post"])
    extra_scopes: dict[str, str] = field(default_factory=dict[str, str])
    """tool -> the scope its call needs."""
    odd_access: str = ""
    """Put behind every access token."""
    accept_nothing: bool = False
    """The MCP server refuses every token."""
    dpop: bool = False
    """Bind tokens to the key of the proof in the token request, and want proofs with them."""
    dpop_nonce: str = ""
    other_server: str = ""
    """The authorization server that the resource metadata name; "" = this one."""


class OAuthPeer:
    """`with OAuthPeer().up() as peer`. What it issued is in `secrets`, what it was asked in `asked`."""

    def __init__(self) -> None:
        self.port = 0
        self.does = Behaviour()
        self.asked: list[Asked] = []
        self.tokens: dict[str, tuple[frozenset[str], float]] = {}
        """Access token -> its scopes and when it ends (monotonic)."""
        self.authorised: list[Json] = []
        """Claims of every accepted MCP request: its method and token."""
        self.secrets: set[str] = set()
        self.clients: dict[str, Json] = {}
        self.public_key = ""
        self.assertion = ""
        self.mcp = Peer({"modern": True, "no_listen": True}, lambda message: None)
        self._codes: dict[str, Json] = {}
        self._refresh: dict[str, frozenset[str]] = {}
        self._bound: dict[str, Json] = {}
        """Access token -> the public key it is bound to."""
        self._jtis: set[str] = set()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    @property
    def issuer(self) -> str:
        return f"{self.origin}/as"

    def count(self, path: str) -> int:
        return sum(1 for asked in self.asked if asked.path == path)

    def last(self, path: str) -> Json:
        return next(asked.fields for asked in reversed(self.asked) if asked.path == path)

    def grants(self) -> list[str]:
        """grant_type of every token request, in order."""
        return [asked.fields["grant_type"] for asked in self.asked if asked.path == "/as/token"]

    def revoke_access(self) -> None:
        self.tokens.clear()

    def register(self, client_id: str, **client: Any) -> None:
        self.clients[client_id] = client
        if secret := client.get("client_secret"):
            self.secrets.add(secret)

    @contextmanager
    def up(self) -> Generator[OAuthPeer]:
        config = uvicorn.Config(self._app(), host="127.0.0.1", port=self.port, log_config=None, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline and thread.is_alive(), "the peer did not start"
            time.sleep(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.force_exit = server.should_exit = True
            thread.join(10)
            assert not thread.is_alive()

    def _app(self) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        app = self._starlette()

        async def dripping(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"] in self.does.dripping:
                self.asked.append(Asked(scope["path"], {}))
                await StreamingResponse(_drops(), media_type="application/json")(scope, receive, send)
            else:
                await app(scope, receive, send)

        return dripping

    def _starlette(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/mcp", self._mcp, methods=["GET", "POST", "DELETE"]),
                Route("/.well-known/oauth-protected-resource/mcp", self._resource_metadata),
                Route("/.well-known/oauth-authorization-server/as", self._server_metadata),
                Route("/as/authorize", self._authorize),
                Route("/authorize", self._astray),
                Route("/as/register", self._register, methods=["POST"]),
                Route("/as/token", self._token, methods=["POST"]),
                Route("/token", self._astray, methods=["GET", "POST"]),
                Route("/idp/token", self._identity, methods=["POST"]),
            ]
        )

    # ------------------------------------------------------------------ the MCP server

    async def _mcp(self, request: Request) -> Response:
        if request.method != "POST":
            return Response(status_code=405)
        message: Json = await request.json()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        scopes, until = self.tokens.get(token, (frozenset[str](), 0.0))
        if token and (key := self._bound.get(token)) is not None:
            proof = self._proof(request, token)
            if scheme != "DPoP" or proof is None or proof["jwk"] != key:
                return Response(status_code=401, headers={"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"'})
            if self.does.dpop_nonce and proof.get("nonce") != self.does.dpop_nonce:
                headers = {"WWW-Authenticate": 'DPoP error="use_dpop_nonce"', "DPoP-Nonce": self.does.dpop_nonce}
                return Response(status_code=401, headers=headers)
        elif token and scheme != "Bearer":
            return Response(status_code=401)
        metadata = f'resource_metadata="{self.origin}/.well-known/oauth-protected-resource/mcp"'
        if until < time.monotonic() or self.does.accept_nothing:
            return Response(status_code=401, headers={"WWW-Authenticate": f'Bearer scope="basic", {metadata}'})
        params: Json = message.get("params") or {}
        name = params.get("name", "")
        needed = self.does.extra_scopes.get(name, "basic") if message.get("method") == "tools/call" else "basic"
        if needed not in scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{needed}", {metadata}'
            return Response(status_code=403, headers={"WWW-Authenticate": challenge})
        self.authorised.append({"method": message.get("method"), "token": token})
        answer = await asyncio.to_thread(self.mcp.handle, message)
        return JSONResponse(answer) if answer is not None else Response(status_code=202)

    async def _resource_metadata(self, request: Request) -> Response:
        self._note(request, {})
        server = self.does.other_server or self.issuer
        return JSONResponse(
            {
                "resource": self.does.resource or self.url,
                "authorization_servers": [f"{self.does.resource_metadata_scheme}{server}"],
                "scopes_supported": ["basic"],
            }
        )

    # ------------------------------------------------------------------ the authorization server

    async def _server_metadata(self, request: Request) -> Response:
        self._note(request, {})
        if self.does.no_metadata:
            return Response(status_code=404)
        before = self.does.endpoint_scheme
        metadata: Json = {
            "issuer": self.does.issuer or self.issuer,
            "authorization_endpoint": f"{before}{self.issuer}/authorize",
            "token_endpoint": f"{before}{self.issuer}/token",
            "registration_endpoint": f"{before}{self.issuer}/register",
            "response_types_supported": ["code"],
            "token_endpoint_auth_methods_supported": self.does.token_auth_methods,
        }
        if self.does.code_challenge_methods is not None:
            metadata["code_challenge_methods_supported"] = self.does.code_challenge_methods
        if self.does.announce_iss:
            metadata["authorization_response_iss_parameter_supported"] = True
        return JSONResponse(metadata)

    async def _astray(self, request: Request) -> Response:
        """Endpoints nobody published: only a client that makes them up comes here."""
        self._note(request, dict(request.query_params))
        return Response(status_code=500)

    async def _register(self, request: Request) -> Response:
        body: Json = await request.json()
        self._note(request, body)
        if self.does.refuse_registration:
            error = {"error": "access_denied", "error_description": "Only partners\x1b]0;x\x07 register here"}
            return JSONResponse(error, status_code=403)
        client_id, secret = f"client-{len(self.clients)}", secrets.token_urlsafe(24)
        self.register(client_id, client_secret=secret, redirect_uris=body["redirect_uris"])
        answer = {**body, "client_id": client_id, "client_secret": secret}
        return JSONResponse({**answer, "token_endpoint_auth_method": "client_secret_post"}, status_code=201)

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self._note(request, query)
        self.secrets.add(query["state"])
        client = self.clients.get(query["client_id"])
        redirects = client.get("redirect_uris") if client is not None else None
        if client is None or (redirects and query["redirect_uri"] not in redirects):
            return Response("unknown client or redirect_uri", status_code=400)
        if query.get("code_challenge_method") != "S256" or query.get("resource") != self.url:
            return Response("no PKCE or resource", status_code=400)
        if self.does.hang_authorize:
            return Response("sign in here")
        answer = {"state": query["state"]}
        if self.does.wrong_state:
            answer["state"] = "somebody-elses"
        if self.does.iss is not None:
            answer["iss"] = self.does.iss
        if self.does.deny:
            answer |= {"error": "access_denied", "error_description": "You said\x1b]0;x\x07 no"}
        else:
            code = secrets.token_urlsafe(16)
            self.secrets.add(code)
            self._codes[code] = query
            answer["code"] = code
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode(answer)}", status_code=302)

    async def _token(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        client_id, how = self._client(request, form)
        self._note(request, {**form, "client": client_id, "how": how})
        proof = self._proof(request, "") if self.does.dpop else None
        if self.does.dpop and self.does.dpop_nonce and (proof or {}).get("nonce") != self.does.dpop_nonce:
            headers = {"DPoP-Nonce": self.does.dpop_nonce}
            return JSONResponse({"error": "use_dpop_nonce"}, status_code=400, headers=headers)
        answer = self._granted(form, client_id, how)
        if proof is not None and isinstance(answer, dict):
            self._bound[answer["access_token"]] = proof["jwk"]
            answer["token_type"] = "DPoP"
        return JSONResponse(answer) if isinstance(answer, dict) else answer

    def _granted(self, form: Json, client_id: str | None, how: str) -> Json | Response:
        if client_id is None:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        match form["grant_type"]:
            case "authorization_code":
                query = self._codes.pop(form["code"], None)
                digest = hashlib.sha256(form["code_verifier"].encode()).digest()
                challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
                if query is None or query["code_challenge"] != challenge:
                    return _refused("invalid_grant")
                if query["redirect_uri"] != form["redirect_uri"] or query["client_id"] != client_id:
                    return _refused("invalid_grant")
                return self._issue(frozenset(query.get("scope", "").split()), with_refresh=True)
            case "refresh_token":
                if self.does.refresh_status != 200:
                    return _refused("invalid_grant", self.does.refresh_status)
                scopes = self._refresh.pop(form["refresh_token"], None)  # works once
                return self._issue(scopes, with_refresh=True) if scopes is not None else _refused("invalid_grant")
            case "client_credentials" if how in ("client_secret_basic", "client_secret_post", "private_key_jwt"):
                return self._issue(frozenset({"basic"}), with_refresh=False)
            case "urn:ietf:params:oauth:grant-type:jwt-bearer" if form["assertion"] == self.assertion:
                return self._issue(frozenset({"basic"}), with_refresh=False)
            case _:
                return _refused("invalid_grant")

    async def _identity(self, request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        self._note(request, form)
        if form["subject_token"] != "the-identity":
            return _refused("invalid_grant")
        return JSONResponse({"access_token": self.assertion, "token_type": "N_A", "issued_token_type": "x"})

    def _client(self, request: Request, form: Json) -> tuple[str | None, str]:
        """Who it is, and how it showed that; None when it did not."""
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            client_id, _, secret = base64.b64decode(header[6:]).decode().partition(":")
            client_id, secret, how = unquote(client_id), unquote(secret), "client_secret_basic"
        elif "client_assertion" in form:
            claims = jwt.decode(form["client_assertion"], self.public_key, ["ES256"], audience=self.issuer)
            return str(claims["sub"]), "private_key_jwt"
        else:
            client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
            how = "client_secret_post" if secret else "none"
        client = self.clients.get(client_id)
        known = client is not None and (client.get("client_secret") or "") == secret
        return (client_id if known else None), how

    def _proof(self, request: Request, token: str) -> Json | None:
        """Claims of the request's proof, with its key; None when it proves nothing (or was seen before)."""
        text = request.headers.get("dpop", "")
        try:
            header: Json = jwt.get_unverified_header(text)
            key = jwt.PyJWK(header["jwk"])
            claims: Json = jwt.decode(text, key, ["ES256"], options={"verify_iat": False})
        except (jwt.PyJWTError, KeyError):
            return None
        digest = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
        good = header["typ"] == "dpop+jwt" and "d" not in header["jwk"] and claims["htm"] == request.method
        if not good or claims["htu"] != f"{self.origin}{request.url.path}" or claims["jti"] in self._jtis:
            return None
        self._jtis.add(claims["jti"])
        return {**claims, "jwk": header["jwk"]} if claims.get("ath", "") == (digest if token else "") else None

    def _issue(self, scopes: frozenset[str], *, with_refresh: bool) -> Json:
        access, refresh = secrets.token_urlsafe(24) + self.does.odd_access, secrets.token_urlsafe(24)
        lasts_s = self.does.expires_in_s
        self.tokens[access] = (scopes, time.monotonic() + (3600 if lasts_s is None else lasts_s))
        self.secrets |= {access, refresh}
        answer: Json = {"access_token": access, "token_type": "bearer", "scope": " ".join(sorted(scopes))}
        if lasts_s is not None:
            answer["expires_in"] = lasts_s
        if with_refresh and self.does.refresh_tokens:
            self._refresh[refresh] = scopes
            answer["refresh_token"] = refresh
        return answer

    def _note(self, request: Request, fields: Json) -> None:
        self.asked.append(Asked(request.url.path, json.loads(json.dumps(fields))))


async def _drops() -> AsyncGenerator[bytes]:
    while True:
        yield b" "
        await asyncio.sleep(0.05)


def _refused(error: str, status: int = 400) -> Response:
    return JSONResponse({"error": error, "error_description": "because"}, status_code=status)
