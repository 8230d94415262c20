"""Replacing values in `params.yaml`; comments, order and spacing stay as they are."""

from collections.abc import Mapping, Sequence

import yaml

from housing_training.errors import ParameterError


def with_values(text: str, values: Mapping[tuple[str, ...], int | float]) -> str:
    """Replace values in a YAML text.

    Args:
        text: the text.
        values: the new values by path, the keys from the outermost one in.

    Raises:
        ParameterError: a path has no scalar value.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    places = {path: _scalar(root, path) for path in values}
    # From the end on, so that positions still to be replaced stay valid.
    for path, node in sorted(places.items(), key=lambda place: place[1].start_mark.index, reverse=True):
        text = text[: node.start_mark.index] + _written(values[path]) + text[node.end_mark.index :]
    return text


def _scalar(root: yaml.Node | None, path: Sequence[str]) -> yaml.ScalarNode:
    node = root
    for key in path:
        parts = node.value if isinstance(node, yaml.MappingNode) else []
        node = next((value for name, value in parts if name.value == key), None)
    if not isinstance(node, yaml.ScalarNode):
        raise ParameterError(f"{'.'.join(path)}: the file has no scalar value there to replace")
    return node


def _written(value: float) -> str:
    return yaml.safe_dump(value).splitlines()[0]
