"""Health check of a container: exits 0 when a path of its own HTTP port answers 200, and 1 when it does not.

Usage: healthcheck.py PORT_VARIABLE DEFAULT_PORT PATH
"""

import http.client
import os
import sys


def main(variable: str, default_port: str, path: str) -> int:
    """Ask the port that the environment names, or else the default one."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get(variable) or default_port), timeout=2)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
