"""The role that each method of the contract requires."""

import re

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from housing.roles import GRANTED, NAMES, role_of, roles_by_service
from housing.services import SERVICES
from housing.v1.annotations_pb2 import ROLE_ANYONE, Role
from running import ROOT


def test_every_method_has_a_role() -> None:
    """No method of any service in the contract's folder is without a role, nor is a service missing from the list."""
    texts = [path.read_text("utf-8") for path in (ROOT / "protos/housing").rglob("*.proto")]
    declared = {name for text in texts for name in re.findall(r"^service (\w+)", text, re.MULTILINE)}
    assert declared == {service.rpartition(".")[2] for service in SERVICES}
    roles = roles_by_service()
    assert set(roles) == set(SERVICES)
    assert all(role != Role.ROLE_UNSPECIFIED for methods in roles.values() for role in methods.values())


def test_method_without_a_role_is_found() -> None:
    """A method that is added without a role is an error that names it."""
    file = FileDescriptorProto(name="new.proto", package="new", syntax="proto3")
    file.message_type.add(name="Nothing")
    service = file.service.add(name="NewService")
    service.method.add(name="DoIt", input_type=".new.Nothing", output_type=".new.Nothing")
    pool = DescriptorPool()
    pool.Add(file)
    with pytest.raises(ValueError, match=r"new\.NewService\.DoIt has no role"):
        role_of(pool.FindServiceByName("new.NewService").methods_by_name["DoIt"])


def test_only_state_is_for_anyone() -> None:
    """Without credentials only the state of the service can be read, which load balancers do."""
    open_methods = {
        f"{service}/{method}"
        for service, methods in roles_by_service().items()
        for method, role in methods.items()
        if role == ROLE_ANYONE
    }
    assert open_methods == {"housing.v1.StatusService/GetStatus"}


def test_roles_include_those_before_them() -> None:
    """The numbers of roles ascend: predict, operate, admin; anyone is below all."""
    assert list(GRANTED) == ["predict", "operate", "admin"]
    assert sorted([ROLE_ANYONE, *GRANTED.values()]) == [ROLE_ANYONE, *GRANTED.values()]
    assert {NAMES[role] for role in GRANTED.values()} == set(GRANTED)
