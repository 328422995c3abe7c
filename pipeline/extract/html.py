"""HTML to blocks with exact places, in one pass: a small stack machine over the scanner's tags.

A *run* is the text between two edges (starts and ends of block elements, <br>); each run with visible
text becomes a block. Which elements have edges is said in ``elements``; what else a start tag does is
said in ``openers.OPENERS``. Implied end tags follow the WHATWG standard (https://html.spec.whatwg.org/
#parsing-main-inbody); nothing is moved (no foster parenting, no adoption agency).
"""

from __future__ import annotations

from math import inf

from pipeline.extract.assemble import assemble
from pipeline.extract.closing import end_block, end_inline, end_paragraph
from pipeline.extract.elements import BLOCK, CELL, ELEMENTS, FOREIGN, INLINE, LINK, OUTER, PRE, ROW, TABLE, VOID
from pipeline.extract.fallback import deep_blocks
from pipeline.extract.head import add_script, add_title
from pipeline.extract.markup import Meaning, Node, meaning
from pipeline.extract.openers import OPENERS
from pipeline.extract.page import Page, TooDeepError
from pipeline.extract.scanner import CDATA, raw_parts, scan
from pipeline.extract.tables import join_rows
from pipeline.extract.unseen import unseen_blocks
from pipeline.types import Extracted, Markup


def extract_html(source: str) -> Extracted:
    """The blocks and the head of an HTML page.

    Offsets are code points of ``source``. What lies between two blocks is tags, comments, the content of
    scripts and other raw elements, and white space. Never raises; the time is linear in the source.
    """
    page = Page()
    try:
        _walk(page, source)
    except TooDeepError:
        page.flags.add("deep_nesting")
        blocks = deep_blocks(source)
        if blocks is None:
            page = Page(max_depth=inf, flags=page.flags)
            _walk(page, source)
        else:
            page.blocks, page.tables = blocks, []
            page.flags.add("html_fallback_parser")
    for table in reversed(page.tables):
        join_rows(table, page.blocks)
    if any(_is_hidden(block.markup) for block in page.blocks if block.markup):
        page.flags.add("hidden_text")
    head = page.head.page_head()
    if told := unseen_blocks(source, head, shown=[block.text for block in page.blocks]):
        page.blocks = sorted((*page.blocks, *told))
        page.flags.add("text_from_head")
    return assemble(page.blocks, head, flags=page.flags)


def _is_hidden(markup: Markup) -> bool:
    return "hidden" in markup.classes and "hidden" in markup.classes.split()


def _walk(page: Page, source: str) -> None:
    """Run the stack machine over the tags. The common cases are written out: it is the hot loop."""
    node: Node = ("", None, 0, "", OUTER, [Meaning()])
    run = page.run
    known = ELEMENTS.get
    for tokens, recovered in scan(source):
        if recovered:
            page.flags.add("unclosed_markup")
        for start, text, tag, closing, opening in tokens:
            if text and (run or not text.isspace()):
                run.append((start, text, node, page.link))
            if opening is not None:
                name, code = known(opening) or _spelled(opening)
                if code == INLINE:
                    node = (name, node, node[2] + 1, tag, INLINE, [])
                elif code == BLOCK:
                    if run:
                        page.end_run()
                    page.edge = True
                    if node[4] != BLOCK or node[0] == "p":
                        node = end_paragraph(node)
                    node = (name, node, node[2] + 1, tag, BLOCK, [])
                elif code != VOID:
                    node = OPENERS[code](page, node, name, tag)
            elif closing is not None:
                if closing == node[0] and node[4] <= PRE and node[1] is not None:
                    if node[4] >= BLOCK:
                        if run:
                            page.end_run()
                        page.edge = True
                    elif node[4] == LINK:
                        page.link = 0
                    node = node[1]
                else:
                    node = _close(page, node, closing)
            elif tag:
                _take_raw(page, node, tag, start + len(text))
    page.end_run()


def _spelled(name: str) -> tuple[str, int]:
    """An element that the table does not list as spelled: in mixed case, or unknown and so inline."""
    name = name.lower().replace("\0", "\ufffd")
    return ELEMENTS.get(name, (name, INLINE))


def _close(page: Page, node: Node, closing: str) -> Node:
    """What is open after an end tag."""
    name, code = ELEMENTS.get(closing) or _spelled(closing)
    if code in (INLINE, LINK):
        page.link = page.link if code == INLINE else 0
        return end_inline(node, name)
    if code <= PRE:
        page.end_block()
        return end_block(node, name)
    if TABLE <= code <= CELL:
        page.end_block()
        return _close_table_part(page, node, name, code)
    if name == "br":  # read as a start tag
        return OPENERS[code](page, node, name, "")
    if code == OUTER:
        page.end_block()
    return node


def _close_table_part(page: Page, node: Node, name: str, code: int) -> Node:
    """What is open after </table>, </tr>, </td> and the like."""
    if not page.tables:
        return node
    page.link = 0
    table = page.tables[-1]
    if code == TABLE:
        page.tables.pop()
        join_rows(table, page.blocks)
        return table.node[1] or table.node
    if code == CELL:
        if table.cell is None or table.row is None:
            return node
        table.cell = None
        return table.row
    table.row, table.cell, body = None, None, table.body
    if code == ROW:
        return body
    table.body = table.node
    return table.node


def _take_raw(page: Page, node: Node, tag: str, start: int) -> None:
    """A comment, which says nothing, or an element with raw content, or the text of a CDATA section in SVG."""
    if tag[1:2] in ("!", "?", "/"):
        if tag.startswith(CDATA) and not FOREIGN.isdisjoint(meaning(node).path):
            content = tag[len(CDATA) :].removesuffix(">").removesuffix("]]")
            page.run.extend([(start + len(CDATA), content, node, page.link)] if content.strip() else [])
        return
    name, start_tag, length, content = raw_parts(tag)
    if name == "script":
        add_script(page.head, start_tag, content)
    elif name == "title":
        if page.head.title is None and "svg" not in meaning(node).path:
            add_title(page.head, content)
    elif name in ("textarea", "xmp") and not content.isspace() and content:
        page.end_block()
        inner: Node = (name, node, node[2] + 1, start_tag, BLOCK, [])
        page.run.append((start + length, content, inner, 0))
        page.end_block()
