"""The contract's rules applied to a request; stops after the first violations, whatever the size of the request."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import protovalidate
from google.protobuf.message import Message

from housing_server.core.parsing import list_limits
from housing_server.errors import FieldViolation, InvalidRequest

MAX_VIOLATIONS = 25
"""The most violations that are searched for and listed: a request of a few kilobytes can break a rule a million
times, and details travel in headers, which clients limit to 8 KiB."""


class RequestValidator:
    """Checks messages against the rules annotated in the contract.

    Rules are compiled at the first message of each type; one validator serves the whole process.
    """

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    def check(self, message: Message, path: str = "") -> None:
        """Check that a message keeps every rule.

        Args:
            message: the message.
            path: its path in the request, as a prefix of the paths of its fields; empty for the request itself.

        Raises:
            InvalidRequest: it does not; the error lists the first violations, in the order of the message.
        """
        found = list(islice(self.violations(message, path), MAX_VIOLATIONS + 1))
        if found:
            raise InvalidRequest(found[:MAX_VIOLATIONS], more=len(found) > MAX_VIOLATIONS)

    def violations(self, message: Message, path: str = "") -> Iterator[FieldViolation]:
        """Yield the violations of a message one by one; those in a list, item by item.

        protovalidate collects either the first violation or all of them, so it is called on a message with lists only
        for the first. A list that is too long is one violation; its items are not checked.
        """
        lists = list_limits(message.DESCRIPTOR)
        if not lists:
            yield from self._violations_of_fields(message, path)
            return
        first = self._validator.collect_violations(message, fail_fast=True)
        if not first:
            return
        in_items = self._violations_of_items(message, lists, path)
        one = next(in_items, None)
        if one is None:
            yield _field_violation(message, first[0], path)
            return
        yield one
        yield from in_items

    def _violations_of_fields(self, message: Message, path: str) -> Iterator[FieldViolation]:
        try:
            found = self._validator.collect_violations(message)
        except protovalidate.EvaluationError:
            # A rule about several fields cannot be evaluated for values far out of range, such as times before the year
            # 1: they break rules of their own, which are checked field by field.
            yield from self._violations_of_single_fields(message, path)
            return
        for violation in found:
            yield _field_violation(message, violation, path)

    def _violations_of_single_fields(self, message: Message, path: str) -> Iterator[FieldViolation]:
        for field, _ in message.ListFields():
            alone = type(message)()
            alone.MergeFrom(message)
            for other, _ in message.ListFields():
                if other is not field:
                    alone.ClearField(other.name)
            try:
                found = self._validator.collect_violations(alone)
            except protovalidate.EvaluationError:
                name = f"{path}.{field.name}".lstrip(".")
                yield FieldViolation(field=name, rule="value.in_range", description="is out of range")
                continue
            for violation in found:
                if violation.proto.field is not None and violation.proto.field.elements[0].field_name == field.name:
                    yield _field_violation(alone, violation, path)

    def _violations_of_items(self, message: Message, lists: dict[str, int], path: str) -> Iterator[FieldViolation]:
        if any(len(getattr(message, name)) > limit for name, limit in lists.items()):
            return
        for name in lists:
            base = f"{path}.{name}".lstrip(".")
            for index, item in enumerate(getattr(message, name)):
                yield from self.violations(item, f"{base}[{index}]")


def _field_violation(message: Message, violation: protovalidate.Violation, base: str) -> FieldViolation:
    proto = violation.proto
    path = ".".join(filter(None, (base, _path(proto.field))))
    if proto.rule is None:  # a rule of the whole message: the contract prefixes its id with the field it is about
        path = f"{path}.{proto.rule_id.partition('.')[0]}".lstrip(".")
    description = proto.message
    if proto.rule_id == "enum.defined_only" and proto.field is not None:
        description = _defined_values(message.DESCRIPTOR, [element.field_name for element in proto.field.elements])
    return FieldViolation(field=path, rule=proto.rule_id, description=description)


def _defined_values(message: Any, names: Sequence[str]) -> str:
    """Return the description of the `enum.defined_only` rule; protovalidate's own does not name the values."""
    *parents, name = names
    for parent in parents:
        message = message.fields_by_name[parent].message_type
    return f"must be one of {', '.join(message.fields_by_name[name].enum_type.values_by_name)}"


def _path(field: protovalidate.FieldPathPb | None) -> str:
    if field is None:
        return ""
    return ".".join(
        f"{element.field_name}[{element.subscript.value}]" if element.subscript else element.field_name
        for element in field.elements
    )
