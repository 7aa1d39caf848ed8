"""A person's browser for tests: opens the page it is given and follows where it leads. $BROWSER starts it."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request


def main() -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(sys.argv[-1], timeout=20).read()
    except urllib.error.HTTPError as error:
        error.read()


if __name__ == "__main__":
    main()
