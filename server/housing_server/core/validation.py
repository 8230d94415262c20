"""The contract's rules, applied to a request."""

import protovalidate
from google.protobuf.message import Message

from housing_server.errors import FieldViolation, InvalidRequest


class RequestValidator:
    """Words what is wrong with messages, by the rules annotated in the contract.

    Rules are compiled at the first message of each type; one validator serves a whole process.
    """

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    def check(self, message: Message, path: str = "") -> None:
        """Let a message pass that keeps every rule.

        Args:
            message: the message.
            path: where it stands in the request, for the paths of its fields; empty for the request itself.

        Raises:
            InvalidRequest: it does not; the error lists every field at fault, in the order of the message.
        """
        violations = self._validator.collect_violations(message)
        if violations:
            raise InvalidRequest([_field_violation(violation, path) for violation in violations])


def _field_violation(violation: protovalidate.Violation, base: str) -> FieldViolation:
    proto = violation.proto
    path = ".".join(filter(None, (base, _path(proto.field))))
    if proto.rule is None:  # a rule of the whole message: the contract begins its id with the field it is about
        path = f"{path}.{proto.rule_id.partition('.')[0]}".lstrip(".")
    return FieldViolation(field=path, rule=proto.rule_id, description=proto.message)


def _path(field: protovalidate.FieldPathPb | None) -> str:
    if field is None:
        return ""
    return ".".join(
        f"{element.field_name}[{element.subscript.value}]" if element.subscript else element.field_name
        for element in field.elements
    )
