"""Words of the first frame, which the panes that take its place show too."""

from __future__ import annotations

PROMPT_TITLE = "Prompt"
PROMPT_HINTS = "· @ attach · / prompt · ↑ history"
ASK = "Ask every model at once. Enter sends."
COLUMNS_STARTING = "starting …"
SERVERS_STARTING = "◐ starting"
