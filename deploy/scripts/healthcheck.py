"""Health check of a container: exits 0 if a path of its own HTTP port responds 200, and 1 otherwise.

Usage: healthcheck.py PORT_VARIABLE DEFAULT_PORT PATH [CERTIFICATE_VARIABLE]

Where the last variable is set, the port is one of HTTPS.
"""

import http.client
import os
import ssl
import sys


def main(variable: str, default_port: str, path: str, certificate_variable: str = "") -> int:
    """Check the port in an environment variable, or else the default port."""
    port = int(os.environ.get(variable) or default_port)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    if os.environ.get(certificate_variable):
        # It is this container itself, by an address that its certificate need not name.
        context = ssl._create_unverified_context()  # noqa: S323  # pylint: disable=protected-access
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
    try:
        connection.request("GET", path)
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
