"""When a browser may be opened by itself, and how long a person is waited for. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ATTENDED_TIMEOUT_S = 300.0
UNATTENDED_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class SignInPolicy:
    """automatic: which servers open the browser by themselves when they want a sign-in.

    `ordered`: none, only `SessionManager.sign_in` does. `entries`: those with an `auth` entry. `all`.
    attended: somebody sees the URL, and can open it where no browser can be started.
    """

    automatic: Literal["ordered", "entries", "all"] = "ordered"
    attended: bool = True
    timeout_s: float = ATTENDED_TIMEOUT_S
