"""`housing up`."""

import os
import shlex
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import click
from google.protobuf.json_format import MessageToJson

from housing.addresses import join_address, reachable
from housing.example import BERKELEY
from housing.ports import GATEWAY_PORT, GRPC_PORT, METRICS_PORT, MONITOR_PORT
from housing.routes import METRICS_PATH, STATUS_PATH, routes_of
from housing.rows import message_from_mapping
from housing.transports import DEFAULT_TRANSPORT, choose_transport
from housing.v1 import prediction_service_pb2
from housing_cli.stack import Part, Probe, Stack, StackError

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])

_PIPELINE = Path("training/dvc.yaml")
_GRACE_SECONDS = 45.0
"""More than the server's own grace period for calls in flight."""


def _port_option(name: str, default: int, help_text: str) -> Callable[[_Decorated], _Decorated]:
    return click.option(
        f"--{name}-port",
        envvar=f"HOUSING_{name.upper()}_PORT",
        show_envvar=True,
        type=click.IntRange(1, 65535),
        default=default,
        show_default=True,
        help=help_text,
    )


@click.command()
@_port_option("grpc", GRPC_PORT, "Port of the gRPC services.")
@_port_option("gateway", GATEWAY_PORT, "Port of the gateway: JSON over HTTP, gRPC and gRPC-Web.")
@_port_option("metrics", METRICS_PORT, "Port of metrics and probes.")
@_port_option("monitor", MONITOR_PORT, "Port of the monitor's metrics.")
@click.option("--train/--no-train", default=True, show_default=True, help="Bring the model up to date first.")
@click.option(
    "--retrain/--no-retrain",
    default=None,
    help="Watch for what calls for a retraining.  [default: retrain, in the root of the repository]",
)
@click.option(
    "--ready-timeout",
    type=click.FloatRange(1, 86_400),
    default=180,
    show_default=True,
    help="Seconds to wait until everything is ready.",
)
def up(train: bool, retrain: bool | None, ready_timeout: float, **chosen_ports: int) -> None:
    """Train if anything changed, then serve, monitor and watch for what calls for a retraining, until Ctrl-C.

    On Ctrl-C the watcher stops first, then the monitor, then the server: it finishes the calls it has accepted, whose
    responses the gateway still forwards. There is a gateway only where workers do not run inside Envoy: otherwise the
    server listens on its port. The exit code is 0 after Ctrl-C, and 1 when the server or the gateway exits on its own;
    a monitor or a watcher that exits is restarted. Warnings and errors are logged; with HOUSING_LOG_LEVEL=info, every
    call.
    """
    ports = {name.removesuffix("_port"): port for name, port in chosen_ports.items()}
    _check_ports(ports)
    stack = Stack(
        first=(_part("train"),) if train else (),
        # Stopped in the opposite order.
        parts=(*_gateway(), _part("serve"), _part("monitor", vital=False)),
        last=(_part("retrain watch", vital=False),) if _retrains(retrain) else (),
        probes=(
            Probe(host=_host("metrics"), port=ports["metrics"], path="/readyz"),
            Probe(host=_host("gateway"), port=ports["gateway"], path=STATUS_PATH, tls=_tls()),
            Probe(host=_host("monitor"), port=ports["monitor"], path=METRICS_PATH),
        ),
        # Otherwise the addresses printed below would scroll away under a line for each call.
        environment={"HOUSING_LOG_LEVEL": "warning"}
        | os.environ
        | {f"HOUSING_{name.upper()}_PORT": str(port) for name, port in ports.items()},
        ready_seconds=ready_timeout,
        grace_seconds=_GRACE_SECONDS,
    )
    try:
        stack.run(lambda: click.echo(_addresses(ports)), lambda message: click.echo(message, err=True))
    except StackError as error:
        raise click.ClickException(str(error)) from error
    click.echo("stopped")


def _encrypted() -> bool:
    return bool(os.environ.get("HOUSING_TLS_CERTIFICATE"))


def _tls() -> ssl.SSLContext | None:
    """Return how to connect to the gateway on this machine, whose certificate is for other names; None in plaintext.

    Raises:
        ClickException: a file cannot be used.
    """
    if not _encrypted():
        return None
    try:
        authorities = os.environ.get("HOUSING_CA_FILE") or os.environ["HOUSING_TLS_CERTIFICATE"]
        context = ssl.create_default_context(cafile=authorities)
        context.check_hostname = False
        if own := os.environ.get("HOUSING_CLIENT_CERTIFICATE"):
            context.load_cert_chain(own, os.environ.get("HOUSING_CLIENT_KEY"))
    except OSError as error:
        raise click.ClickException(f"a certificate cannot be used: {error.strerror or type(error).__name__}") from error
    return context


def _gateway() -> tuple[Part, ...]:
    """Return the gateway, where workers do not listen on its port themselves."""
    transport, _ = choose_transport(os.environ.get("HOUSING_TRANSPORT") or DEFAULT_TRANSPORT)
    return () if transport == "envoy" else (_part("gateway"),)


def _retrains(wanted: bool | None) -> bool:
    """Return whether to watch: by default where there is a pipeline to run."""
    return _PIPELINE.exists() if wanted is None else wanted


def _part(command: str, *, vital: bool = True) -> Part:
    program = (sys.executable, "-m", "housing_cli", *command.split())
    return Part(name=f"housing {command}", command=program, vital=vital)


def _variable(name: str) -> str:
    return "HOUSING_HOST" if name == "grpc" else f"HOUSING_{name.upper()}_HOST"


def _configured_host(name: str) -> str:
    return os.environ.get(_variable(name)) or "127.0.0.1"


def _host(name: str) -> str:
    """Return the address by which this machine reaches a port."""
    return reachable(_configured_host(name))


def _check_ports(ports: Mapping[str, int]) -> None:
    """Check that all ports are free and distinct.

    Raises:
        ClickException: some are not; the message names each.
    """
    problems = [problem for name, port in ports.items() if (problem := _problem(name, port))]
    if len(set(ports.values())) < len(ports):
        problems.append("two ports are the same: " + ", ".join(f"{name} {port}" for name, port in ports.items()))
    if problems:
        raise click.ClickException("\n".join(problems))


def _problem(name: str, port: int) -> str | None:
    """Describe why a port is not available; None when it is."""
    host = _configured_host(name)
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server(address[:2], family=family).close()
    except socket.gaierror as error:
        return f"{_variable(name)}: {host} is not an address of this machine ({error.strerror})"
    except OSError as error:
        return (
            f"port {port} of {host} is not available ({os.strerror(error.errno or 0)}); choose another with "
            f"--{name}-port or HOUSING_{name.upper()}_PORT"
        )
    return None


def _addresses(ports: Mapping[str, int]) -> str:
    address = {name: join_address(_host(name), port) for name, port in ports.items()}
    method = prediction_service_pb2.DESCRIPTOR.services_by_name["PredictionService"].methods_by_name["Predict"]
    path = next(routes_of(method)).path
    block_group = message_from_mapping(BERKELEY)
    request = prediction_service_pb2.PredictRequest(block_group=block_group)
    body, grpc_body = (
        shlex.quote(MessageToJson(message, preserving_proto_field_name=True, indent=None))
        for message in (block_group, request)
    )
    service = f"{method.containing_service.full_name}/{method.name}"
    scheme, plaintext = ("https", "") if _encrypted() else ("http", "-plaintext ")
    return f"""
Ready. Ctrl-C stops everything.

  gRPC     {address["grpc"]}
  JSON     {scheme}://{address["gateway"]}
  metrics  http://{address["metrics"]}{METRICS_PATH}
  drift    http://{address["monitor"]}{METRICS_PATH}

curl {scheme}://{address["gateway"]}{path} -H 'Content-Type: application/json' -d {body}

grpcurl {plaintext}-d {grpc_body} {address["grpc"]} {service}
"""
