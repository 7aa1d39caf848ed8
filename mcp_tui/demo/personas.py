"""Who the demo models are: what differs between them is data."""

from __future__ import annotations

from dataclasses import dataclass

from mcp_tui.demo import ANTHROPIC_MODELS, OPENAI_CHAT_MODELS


@dataclass(frozen=True, slots=True)
class Persona:
    """batches: how many independent calls the first step and the later ones may hold."""

    name: str
    blurb: str
    first_token_s: float
    tokens_per_s: float
    batches: tuple[int, int]
    reasons: bool = False
    acts: bool = False
    """Repairs what it finds without being told which tool to use; the tool's approval is up to the client."""
    context_tokens: int = 128_000


SWIFT = Persona("swift", "fast and terse, one tool call at a time", 0.25, 220.0, (1, 1))
SCHOLAR = Persona("scholar", "slow and thorough, thinks first, writes structured text", 0.7, 60.0, (1, 2), reasons=True)
BUILDER = Persona("builder", "calls tools in parallel, then wants to repair things", 0.4, 110.0, (8, 8), acts=True)

PERSONAS = {persona.name: persona for persona in (SWIFT, SCHOLAR, BUILDER)}
assert set(PERSONAS) == {*OPENAI_CHAT_MODELS, *ANTHROPIC_MODELS}
