"""`python3 -m tradewind.runner`: started by the holder, with the socket to it as descriptor 3."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs until the holder closes the socket. Exit code 64 without one."""
    import os
    import stat

    try:
        is_socket = stat.S_ISSOCK(os.fstat(3).st_mode)
    except OSError:
        is_socket = False
    if not is_socket:
        print(
            "tradewind.runner is started by tradewind-holder, with a socket as descriptor 3",
            file=sys.stderr,
        )
        return 64
    from tradewind.runner.root import Root

    return Root(3).run()


if __name__ == "__main__":
    sys.exit(main())
