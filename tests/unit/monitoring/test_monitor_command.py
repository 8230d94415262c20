"""`housing monitor`: what it says when it cannot start."""

import socket

from click.testing import CliRunner

from housing_monitoring.monitor_command import monitor


def test_a_bad_setting_is_one_line() -> None:
    """The line names the variable."""
    result = CliRunner().invoke(monitor, env={"HOUSING_MONITOR_SECONDS": "0"})
    assert result.exit_code == 1
    assert "HOUSING_MONITOR_SECONDS: Input should be greater than 0" in result.stderr


def test_a_port_in_use_is_one_line() -> None:
    """The line names the port and what moves it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(monitor, env={"HOUSING_MONITOR_PORT": str(port)})
    assert result.exit_code == 1
    assert f"port {port} of 127.0.0.1 cannot be used: set HOUSING_MONITOR_PORT to another" in result.stderr
