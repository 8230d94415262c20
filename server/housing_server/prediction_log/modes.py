"""The modes of the prediction log. Imports nothing of ours, so that whoever names a mode loads no more than that."""

from typing import Literal

LogMode = Literal["lenient", "strict", "off"]
"""How answers go on record: in a journal first, straight to the store, or not at all."""
