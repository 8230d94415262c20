"""The modes of the prediction log; imports nothing, so that naming a mode is free."""

from typing import Literal

LogMode = Literal["lenient", "strict", "off"]
"""How answers are recorded: through a journal, directly in the store, or not at all."""
