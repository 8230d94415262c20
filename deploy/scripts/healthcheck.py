"""Health check of a container: exits 0 if a path of its own HTTP port responds 200, and 1 otherwise.

Usage: healthcheck.py PORT_VARIABLE DEFAULT_PORT PATH
"""

import http.client
import os
import sys


def main(variable: str, default_port: str, path: str) -> int:
    """Check the port in an environment variable, or else the default port."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ.get(variable) or default_port), timeout=2)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
