"""What MkDocs calls while it builds the site: see `hooks` in mkdocs.yml."""

import os
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from housing_site import diagrams, places, rendering
from housing_site.made_pages import MADE_PAGES


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Draw Mermaid's diagrams."""
    fence = {"name": "mermaid", "class": "mermaid", "format": diagrams.drawn}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that are not in docs/, and the pages made from the code."""
    plots = [str(path.relative_to(places.ROOT)) for path in (places.ROOT / places.PLOTS).iterdir()]
    for path in (places.FRONT_PAGE, *places.OUTSIDE, *plots):
        place = places.on_site(path) or path
        files.append(File.generated(config, place, abs_src_path=str(places.ROOT / path)))
    for place, make in MADE_PAGES.items():
        files.append(File.generated(config, place, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a page.

    Raises:
        PluginError: it would be rendered otherwise than on other sites.
    """
    del config, files
    if page.file.src_uri in MADE_PAGES:
        return markdown
    document = str(Path(page.file.abs_src_path or "").relative_to(places.ROOT))
    if rendering.shallow_lists(markdown):
        raise PluginError(f"{document}: items of nested lists are indented by four blanks")
    return places.Links(document=document, source_address=os.environ.get("DOCS_SOURCES", "")).rewritten(markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Hold pages to being rendered.

    Raises:
        PluginError: a page shows Markdown.
    """
    del config, files
    if lines := rendering.plain_markdown(html):
        raise PluginError(f"{page.file.src_uri}: not rendered, for lack of a blank line before it: {lines[0]}")
    return html


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Hold pages to loading nothing from elsewhere.

    Raises:
        PluginError: a page does.
    """
    del config
    if found := rendering.loaded_from_elsewhere(output):
        raise PluginError(f"{page.file.src_uri} loads from elsewhere: {found[0]}")
    return output
