"""Sounds as WAV files, without an audio library."""

from __future__ import annotations

import io
import math
import struct
import wave

RATE_HZ = 8000
_FADE_S = 0.02


def tone(frequency_hz: float, seconds: float) -> bytes:
    """A sine tone, mono, 16 bit, faded in and out so that it does not click."""
    count = max(1, round(RATE_HZ * seconds))
    fade = max(1, round(RATE_HZ * _FADE_S))
    samples = [
        round(12_000 * min(1.0, at / fade, (count - at) / fade) * math.sin(2 * math.pi * frequency_hz * at / RATE_HZ))
        for at in range(count)
    ]
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(struct.pack(f"<{count}h", *samples))
    return file.getvalue()
