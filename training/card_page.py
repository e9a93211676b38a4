"""The model card as one page of HTML, its plots drawn within."""

import html
from collections.abc import Mapping

from markdown_it import MarkdownIt
from markdown_it.token import Token

STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
td:first-child { min-width: 9rem }
td, th { padding: .3rem .5rem; border-bottom: 1px solid #d8dde5; text-align: left; vertical-align: top }
figure { display: inline-block; margin: 1rem 1rem 1rem 0; max-width: 100% }
svg { max-width: 100%; height: auto }
"""


def card_page(markdown: str, drawn: Mapping[str, bytes]) -> str:
    """The card's Markdown as a page that stands alone; a plot of `drawn` (SVG, by file name) where it is spoken of."""
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = reader.parse(markdown)
    for opens, block, closes in zip(tokens, tokens[1:], tokens[2:], strict=False):
        for token in (one for one in block.children or () if one.type == "image"):
            token.type, token.content = "html_inline", _figure(token, drawn)
            opens.hidden = closes.hidden = True  # a paragraph holds no figure, and would part those side by side
    title = html.escape(markdown.splitlines()[0].removeprefix("# "))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Model card: {title}</title><style>{STYLE}</style></head>"
        f"<body>{reader.renderer.render(tokens, reader.options, {})}</body></html>"
    )


def _figure(image: Token, drawn: Mapping[str, bytes]) -> str:
    svg = drawn[str(image.attrs["src"])].decode()
    return f'<figure role="img" aria-label="{html.escape(image.content)}">{svg[svg.index("<svg") :]}</figure>'
