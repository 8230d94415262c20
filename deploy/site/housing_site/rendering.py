"""Checks of rendered pages: what other sites render well, such as lists, may be plain text here."""

import re

_NOT_PROSE = re.compile(r"<(pre|svg|script|style|h\d)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
_MARKDOWN = re.compile(r"\s*(?:[-*|] |\d+\. |```)|.*\]\(")
_LOADING = re.compile(r"<(?:script|img|iframe|source|video|object|embed|link)\s[^>]*>")
_FROM_ELSEWHERE = re.compile(r"""\s(?:src|href|data)=["']?(?:https?:)?//""")
_NAVIGATION = re.compile(r"""\srel=["']?(?:canonical|prev|next|edit)\b""")
_SHALLOW_LIST = re.compile(r"^(?: {1,3}| {5,7})(?:[-*]|\d+\.) ", re.MULTILINE)


def plain_markdown(page: str) -> list[str]:
    """Return the lines of a rendered page that show the marks of a list, table, link or fence."""
    prose = _TAG.sub("", _NOT_PROSE.sub("", page))
    return [line for line in prose.splitlines() if _MARKDOWN.match(line)]


def shallow_lists(text: str) -> list[str]:
    """Return the items of nested lists that are indented by other than four blanks, and so are not nested here."""
    without_code = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [found[0] for found in _SHALLOW_LIST.finditer(without_code)]


def loaded_from_elsewhere(page: str) -> list[str]:
    """Return the elements of a page that load something from another site."""
    return [tag for tag in _LOADING.findall(page) if _FROM_ELSEWHERE.search(tag) and not _NAVIGATION.search(tag)]
