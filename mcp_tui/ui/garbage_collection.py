"""When garbage is collected: never all of it while somebody waits for a frame.

A collection of everything walks every object of the program: 30 to 70 ms, about once a second while columns stream,
and then a key was answered late. So what was loaded at the start is left out for good, the young generations are
collected in small portions (below 10 ms), and everything else when nobody types and nothing streams.
"""

from __future__ import annotations

import gc

GENERATIONS = (5_000, 10, 1_000)
"""Objects until the youngest are collected; how often until the next older ones are, and then all."""
WORTHWHILE = 2
"""Collections of the youngest generations since the last full one, at least."""


def settle() -> None:
    """The program is up: what there is now lives as long as the process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GENERATIONS)
    gc.enable()


def collect_all() -> bool:
    """For an idle moment. False when too little was made since the last time."""
    _, young, old = gc.get_count()
    if young + old * GENERATIONS[1] < WORTHWHILE:
        return False
    gc.collect()
    return True
