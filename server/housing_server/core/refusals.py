"""Refusals of a batch's invalid block groups, at the cost of valid ones.

A block group can have only few kinds of faults, so protovalidate is asked once for the violation of each; a row is then
refused by looking up its faults.
"""

import math
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray

from housing.example import BERKELEY
from housing.features import FEATURES
from housing.rows import message_from_mapping
from housing.rules import ORDER_RULES
from housing_server.core.rows import CheckedRows, path_of
from housing_server.core.status import status_from_error
from housing_server.core.validation import MAX_VIOLATIONS, RequestValidator
from housing_server.errors import FieldViolation, InvalidRequest


class RowRefusals:
    """Describes the violations of requests, and of a batch's block groups."""

    def __init__(self) -> None:
        """Look up the violation of every kind of fault."""
        validator = RequestValidator()
        self.check = validator.check
        """Checks a message against the contract's rules; see `RequestValidator`."""
        self._wording = [_wording(validator, message) for message in _faulty_messages()]

    def first(self, checked: CheckedRows) -> InvalidRequest:
        """Return the error for a batch with at least one invalid row; it lists the first violations."""
        bad = np.flatnonzero(~checked.good)[: MAX_VIOLATIONS + 1]
        found = list(islice(self._in_order(bad, checked.faults(bad)), MAX_VIOLATIONS + 1))
        return InvalidRequest(found[:MAX_VIOLATIONS], more=len(found) > MAX_VIOLATIONS)

    def each(self, checked: CheckedRows) -> tuple[dict[int, bytes], list[tuple[InvalidRequest, int]]]:
        """Refuse each invalid row separately.

        Returns:
            The serialized status of each row by index, and an example of each kind of refusal with its number of rows.
        """
        bad = np.flatnonzero(~checked.good)
        faults = checked.faults(bad)
        kinds = [kind.tobytes() for kind in np.packbits(faults, axis=1)]
        examples = dict(zip(kinds, faults, strict=True))
        templates: dict[tuple[bytes, int], bytes] = {}
        statuses = {}
        for index, kind in zip(bad.tolist(), kinds, strict=True):
            digits = len(str(index))
            stand_in = path_of(10 ** (digits - 1))
            template = templates.get((kind, digits))
            if template is None:
                error = self._error(examples[kind], stand_in)
                templates[kind, digits] = template = status_from_error(error).SerializeToString()
            # Of the same length, so that all lengths within the message remain valid.
            statuses[index] = template.replace(stand_in.encode(), path_of(index).encode())
        counts = Counter(kinds).items()
        return statuses, [(self._error(examples[kind], path_of(0)), count) for kind, count in counts]

    def _error(self, faults: NDArray[np.bool_], path: str) -> InvalidRequest:
        return InvalidRequest([self._violation(fault, path) for fault in np.flatnonzero(faults).tolist()])

    def _in_order(self, indexes: NDArray[np.intp], faults: NDArray[np.bool_]) -> Iterator[FieldViolation]:
        for row, fault in np.argwhere(faults).tolist():
            yield self._violation(fault, path_of(indexes[row]))

    def _violation(self, fault: int, path: str) -> FieldViolation:
        wording = self._wording[fault]
        if wording is None:
            raise RuntimeError("a field that may be left out was refused as missing")
        return FieldViolation(field=f"{path}.{wording.field}", rule=wording.rule, description=wording.description)


def _faulty_messages() -> Iterator[Message]:
    """Yield a block group for each column of `CheckedRows.faults`, with that fault and no other."""
    for rule in ORDER_RULES:
        more, less = FEATURES[rule.field], FEATURES[rule.limit]
        yield message_from_mapping({**BERKELEY, more.name: more.maximum, less.name: less.minimum})
    for feature in FEATURES:
        yield message_from_mapping({**BERKELEY, feature.name: None})
        broken = message_from_mapping(BERKELEY)
        setattr(broken, feature.name, "?" if feature.choices else math.nan)
        yield broken


def _wording(validator: RequestValidator, message: Message) -> FieldViolation | None:
    """Return the violation of a faulty message; None when the missing field is optional."""
    found = list(validator.violations(message))
    if len(found) > 1:
        raise RuntimeError(f"one fault of a {message.DESCRIPTOR.name} was expected, not {len(found)}")
    return found[0] if found else None
