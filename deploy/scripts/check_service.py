"""Checks a running service from outside: a price, its health, model and metrics, and that Prometheus scrapes it.

Needs only Python. Prints a line per check; exits with 1 at the first failure. The key is in HOUSING_API_KEY, or in the
file HOUSING_API_KEY_FILE; HOUSING_CA_FILE names the authorities of the certificate.
"""

import argparse
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

BLOCK_GROUP = {
    "longitude": -122.23,
    "latitude": 37.88,
    "housing_median_age": 41,
    "total_rooms": 880,
    "total_bedrooms": 129,
    "population": 322,
    "households": 126,
    "median_income": 8.3252,
    "ocean_proximity": "NEAR BAY",
}
"""The request of the README."""

LOWEST_PRICE, HIGHEST_PRICE = 300_000, 520_000
"""Bounds of any sound model's price for it, in USD."""


def opener() -> urllib.request.OpenerDirector:
    """Return what opens a URL without the environment's proxies: the service is local."""
    context = ssl.create_default_context(cafile=os.environ.get("HOUSING_CA_FILE"))
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))


def api_key() -> str:
    """Return the key to send; empty for none."""
    file = os.environ.get("HOUSING_API_KEY_FILE")
    return (Path(file).read_text("utf-8") if file else os.environ.get("HOUSING_API_KEY", "")).strip()


class CheckFailedError(Exception):
    """A check failed; the message gives the expected and the actual value."""


def fetch(url: str, body: object = None) -> str:
    """Get a page, or post JSON to it, and return the text of a 200 response."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    if key := api_key():
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - an http URL
    try:
        with opener().open(request, timeout=10) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        raise CheckFailedError(f"{url} responded {error.code}: {error.read().decode(errors='replace')}") from error
    except OSError as error:
        raise CheckFailedError(f"{url} is not reachable: {error}") from error


def require(condition: bool, what: str, seen: object) -> None:
    """Raise an error with the actual value unless the condition holds."""
    if not condition:
        raise CheckFailedError(f"expected {what}, not {seen}")


def check_price(gateway: str) -> str:
    """Check the price of the README's block group."""
    answer = json.loads(fetch(f"{gateway}/api/predict", BLOCK_GROUP))
    price = answer.get("median_house_value", 0)
    require(LOWEST_PRICE <= price <= HIGHEST_PRICE, f"a price from {LOWEST_PRICE} to {HIGHEST_PRICE}", answer)
    return f"{price:,.0f} USD"


def check_health(gateway: str) -> str:
    """Check the state of the service."""
    answer = json.loads(fetch(f"{gateway}/health"))
    require(answer.get("status") == "SERVICE_STATUS_SERVING", "a service that is serving", answer)
    return str(answer["status"])


def check_model(gateway: str) -> str:
    """Check the description of the served model."""
    model = json.loads(fetch(f"{gateway}/api/model")).get("model", {})
    require(bool(model.get("version")), "a model with a version", model)
    return f"{model['name']} version {model['version']} ({model.get('algorithm')})"


def check_metrics(gateway: str) -> str:
    """Check that the metrics count the predictions made so far."""
    lines = [line for line in fetch(f"{gateway}/metrics").splitlines() if line.startswith("housing_predictions_total{")]
    require(any(float(line.rpartition(" ")[2]) > 0 for line in lines), "counted predictions", lines)
    return lines[0]


def check_prometheus(prometheus: str, patience: float = 60) -> str:
    """Wait until Prometheus has scraped the service."""
    query = urllib.parse.urlencode({"query": 'up{job="housing"}'})
    deadline = time.monotonic() + patience
    while True:
        series: list[Any] = json.loads(fetch(f"{prometheus}/api/v1/query?{query}"))["data"]["result"]
        if [value for sample in series for value in sample["value"][1:]] == ["1"]:
            return str(series[0]["metric"]["instance"])
        require(time.monotonic() < deadline, "the target of job housing to be up", series)
        time.sleep(1)


def main() -> int:
    """Run the checks in order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", default="http://127.0.0.1:8080", help="address of the gateway [%(default)s]")
    parser.add_argument("--prometheus", help="address of Prometheus [not checked]")
    options = parser.parse_args()
    checks: list[tuple[str, Callable[[str], str], str]] = [
        ("price", check_price, options.gateway),
        ("health", check_health, options.gateway),
        ("model", check_model, options.gateway),
        ("metrics", check_metrics, options.gateway),
    ]
    if options.prometheus:
        checks.append(("prometheus", check_prometheus, options.prometheus))
    try:
        for name, check, address in checks:
            print(f"ok: {name}: {check(address)}")  # noqa: T201 - this program's output
    except CheckFailedError as error:
        print(f"failed: {error}", file=sys.stderr)  # noqa: T201 - likewise
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
