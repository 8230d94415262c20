"""The role that a caller of each method needs, read from the contract."""

from collections.abc import Mapping

from google.protobuf.descriptor import MethodDescriptor

from housing.routes import methods_of
from housing.v1 import annotations_pb2
from housing.v1.annotations_pb2 import ROLE_ADMIN, ROLE_OPERATE, ROLE_PREDICT, ROLE_UNSPECIFIED, Role

GRANTED: Mapping[str, Role.ValueType] = {"predict": ROLE_PREDICT, "operate": ROLE_OPERATE, "admin": ROLE_ADMIN}
"""The roles that an identity can have, by name, in ascending order: each includes those before it."""

NAMES: Mapping[Role.ValueType, str] = {role: name for name, role in GRANTED.items()}
"""Their names."""


def role_of(method: MethodDescriptor) -> Role.ValueType:
    """Return the role that a caller of a method of the contract needs.

    Raises:
        ValueError: the contract states none.
    """
    role: Role.ValueType = method.GetOptions().Extensions[annotations_pb2.role]
    if role == ROLE_UNSPECIFIED:
        raise ValueError(f"{method.full_name} has no role: add `option (role) = ...` to the contract")
    return role


def roles_by_service() -> dict[str, dict[str, Role.ValueType]]:
    """Return the role of each method by name, by full name of its service.

    Raises:
        ValueError: the contract states none for a method.
    """
    roles: dict[str, dict[str, Role.ValueType]] = {}
    for method in methods_of():
        roles.setdefault(method.containing_service.full_name, {})[method.name] = role_of(method)
    return roles
