"""The gateway's scripts refuse by reasons of the contract."""

import re
from pathlib import Path

from google.rpc.code_pb2 import Code
from lupa.luajit21 import LuaRuntime

import housing_server.gateway
from housing.reasons import DOMAIN, REASONS
from housing_server.core.status import reason_of_error
from housing_server.errors import RequestError
from housing_server.gateway.lua import literal, reasons_values

NO_REASONS = {"GET", "HEAD", "OPTIONS", "POST", "SERVICE_STATUS_NOT_SERVING", "UNKNOWN"}


def names_in_scripts() -> set[str]:
    """Every name in capitals that a script holds as a text."""
    scripts = Path(housing_server.gateway.__file__).parent.glob("*.lua")
    return {name for path in scripts for name in re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', path.read_text("utf-8"))}


def test_reasons_in_scripts_are_those_of_the_contract() -> None:
    """None is missing there, and each that the contract has is in use."""
    used = names_in_scripts() - NO_REASONS
    assert used <= REASONS.keys()
    leaves = [kind for kind in RequestError.__subclasses__() if kind.__name__ != "RelayedError"]
    assert used | {reason_of_error(kind).name for kind in leaves} == REASONS.keys()


def test_scripts_read_code_and_http_status_of_a_reason() -> None:
    """As the contract has them, with the names of codes."""
    lua = LuaRuntime()
    reasons = lua.execute(f"return {literal(reasons_values())}")
    assert reasons.domain == DOMAIN
    for name, reason in REASONS.items():
        assert (reasons.by_name[name].code, reasons.by_name[name].http_status) == (reason.code, reason.http_status)
        assert reasons.codes[reason.code] == Code.Name(reason.code)
