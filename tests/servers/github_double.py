"""A loopback double of GitHub's REST API: what the server asks of it is recorded, its faults are ordered."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from mcp_tui.core.types import JsonObject

TOKEN = "ghp_SECRETsecretSECRETsecretSECRET123456"
OWNER, REPO = "acme", "shop"
FILES = {
    "README.md": b"# shop\n",
    "src/app.py": b"def main():\n    raise OSError('pool')\n",
    "logo.png": b"\x89PNG\r\n\x1a\n\0\0",
}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    port: int
    """Of the client's end of the connection."""


@dataclass(frozen=True)
class Fault:
    """One answer that is none. status 0: the connection is cut without an answer."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def issue(number: int, title: str, **more: Any) -> JsonObject:
    return {
        "number": number,
        "title": title,
        "state": "open",
        "body": f"body of {number}",
        "user": {"login": "ann"},
        "labels": [{"name": "bug"}],
        "assignees": [],
        "comments": 0,
        "created_at": "2026-03-01T10:00:00Z",
        "updated_at": "2026-03-02T10:00:00Z",
        "html_url": f"https://github.com/{OWNER}/{REPO}/issues/{number}",
        **more,
    }


class GitHubDouble:
    """`with GitHubDouble() as github:` answers at `github.url`. Faults are used up in order, before anything else."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults: list[Fault] = []
        self.issues: list[JsonObject] = [
            issue(3, "checkout: no free connection in pool", comments=2),
            issue(2, "Add dark mode", pull_request={"url": "..."}, body=None),
            issue(1, "Typo in the footer", state="closed", user=None),
        ]
        self.comments: dict[int, list[JsonObject]] = {
            3: [{"user": {"login": who}, "created_at": "2026-03-01", "body": f"seen by {who}"} for who in ("bo", "cy")]
        }
        self.hold = threading.Event()
        """While it is clear, GET answers wait."""
        self.hold.set()
        self.waiting = threading.Event()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                double._serve(self)

            def do_POST(self) -> None:
                double._serve(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name of the base class
                """Quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients of these tests go away in the middle."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> GitHubDouble:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def environment(self, *, token: str = TOKEN, repository: str = f"{OWNER}/{REPO}") -> dict[str, str]:
        return {"GITHUB_API_URL": self.url, "GITHUB_TOKEN": token, "GITHUB_REPOSITORY": repository}

    def paths(self, method: str = "GET") -> list[str]:
        return [request.path for request in self.requests if request.method == method]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        length = int(handler.headers.get("content-length", "0"))
        body = json.loads(handler.rfile.read(length)) if length else None
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        port = handler.client_address[1]
        request = Request(handler.command, unquote(parts.path), query, headers, body, port)
        self.requests.append(request)
        if not self.hold.is_set():
            self.waiting.set()
            self.hold.wait(60)
        if self.faults:
            fault = self.faults.pop(0)
            if fault.status == 0:
                handler.close_connection = True
                handler.connection.close()
                return
            self._send(handler, fault.status, fault.body, dict(fault.headers))
            return
        status, answer, headers = self._answer(request)
        self._send(handler, status, answer, headers)

    def _send(self, handler: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str]) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    def _answer(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        token = request.headers.get("authorization", "")
        if token and token != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}, {}
        root = f"/repos/{OWNER}/{REPO}"
        path = request.path
        if request.method == "POST" and path == f"{root}/issues":
            made = issue(
                max(one["number"] for one in self.issues) + 1,
                request.body["title"],
                body=request.body.get("body"),
                labels=[{"name": name} for name in request.body.get("labels", [])],
            )
            self.issues.insert(0, made)
            return 201, made, {}
        if path == root:
            return 200, {"full_name": f"{OWNER}/{REPO}", "default_branch": "main", "stargazers_count": 7}, {}
        if path == f"{root}/issues":
            state = request.query.get("state", "open")
            return self._page(request, [one for one in self.issues if state in ("all", one["state"])])
        if path.startswith(f"{root}/issues/"):
            return self._issue(request, path.removeprefix(f"{root}/issues/"))
        if path.startswith(f"{root}/contents/"):
            return self._contents(request, path.removeprefix(f"{root}/contents/"))
        if path == f"{root}/branches":
            return 200, [{"name": "main"}, {"name": "next"}], {}
        if path in ("/search/issues", "/search/code"):
            return self._search(request)
        lists: dict[str, Any] = {
            "/user": {"login": "ann"},
            "/user/orgs": [{"login": OWNER}],
            "/user/repos": [{"full_name": f"{OWNER}/secret-shop"}],
            f"/users/{OWNER}/repos": [{"name": REPO}, {"name": "site"}],
        }
        if path in lists:
            return 200, lists[path], {}
        return 404, {"message": "Not Found"}, {}

    def _page(self, request: Request, items: list[JsonObject]) -> tuple[int, Any, dict[str, str]]:
        size, page = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
        headers: dict[str, str] = {}
        if page * size < len(items):
            # The address of the next page is elsewhere on purpose: only its place in the list may be used.
            headers["Link"] = f'<https://evil.example/steal?page={page + 1}&x=1>; rel="next"'
        return 200, items[(page - 1) * size : page * size], headers

    def _issue(self, request: Request, rest: str) -> tuple[int, Any, dict[str, str]]:
        number, _, what = rest.partition("/")
        found = next((one for one in self.issues if str(one["number"]) == number), None)
        if found is None:
            return 404, {"message": "Not Found"}, {}
        if what == "comments":
            return self._page(request, self.comments.get(found["number"], []))
        return 200, found, {}

    def _contents(self, request: Request, path: str) -> tuple[int, Any, dict[str, str]]:
        accept = request.headers.get("accept", "")
        if path in FILES:
            if "raw" in accept:
                return 200, FILES[path], {"Content-Type": "application/octet-stream"}
            if path == "logo.png":
                # As GitHub does above 1 MB.
                return 200, {"type": "file", "content": "", "encoding": "none"}, {}
            return 200, {"type": "file", "encoding": "base64", "content": base64.encodebytes(FILES[path]).decode()}, {}
        folder = path.strip("/")
        entries = [
            {"name": "src", "path": "src", "type": "dir", "size": 0},
            {"name": "README.md", "path": "README.md", "type": "file", "size": 7},
            {"name": "app.py", "path": "src/app.py", "type": "file", "size": 40},
        ]
        inside = [one for one in entries if str(one["path"]).rpartition("/")[0] == folder]
        if not inside:
            return 404, {"message": "Not Found"}, {}
        return 200, {"type": "dir", "entries": inside} if "object" in accept else inside, {}

    def _search(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        words = [word.lower() for word in request.query["q"].split() if ":" not in word]
        if request.path == "/search/code":
            items: list[JsonObject] = [
                {
                    "path": "src/app.py",
                    "html_url": "https://github.com/acme/shop/blob/main/src/app.py",
                    "repository": {"full_name": f"{OWNER}/{REPO}"},
                    "text_matches": [{"fragment": "raise OSError('pool')"}],
                }
            ]
        else:
            items = [one for one in self.issues if all(word in str(one["title"]).lower() for word in words)]
        return 200, {"total_count": len(items), "incomplete_results": False, "items": items}, {}
