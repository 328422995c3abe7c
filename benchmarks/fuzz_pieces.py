"""Pieces that the inputs of ``fuzz_cases`` are made of: words, mark-up right and wrong, controls, line ends.

Whatever breaks a parser in the wild is one more string in one of these tables.
"""

from __future__ import annotations

from typing import Final

ENGLISH: Final = (
    "The regional carbon market opened on Monday with a modest volume of trades.",
    "Prices rose by 3.2% after the ministry published its allocation plan for 2027.",
    "Analysts expect that steel mills will need more allowances next year.",
    "“We are ready,” said the head of the exchange; others were less certain.", "Read more", "Home",
    "Copyright © 2026 Example News. All rights reserved.", "Source: Harbour Daily  2026-03-04 10:20",
    "(Reuters) March 4 - R&D spending on storage doubled", "I.", "2026", "»",
)  # fmt: skip

CHINESE: Final = (
    "全国碳市场昨日开市，首日成交量为四百一十万吨，成交额超过两亿元。",
    "生态环境部表示，将逐步扩大行业覆盖范围，并完善配额分配方法。",
    "受访企业认为，碳价上涨有利于节能改造，但短期内成本压力不小。",
    "“碳达峰”行动方案要求：到2030年，非化石能源消费比重达到25%左右。", "首页", "相关阅读", "京ICP备12345678号-1",
    "来源：绿色日报\u30002026年3月4日", "责任编辑：王小明", "【打印】【关闭】", "（完）",
)  # fmt: skip

#: Other scripts, mojibake, and characters that are repaired.
OTHERS: Final = (
    "Ｆｕｌｌ\u3000ｗｉｄｔｈ", "가격이 올랐다", "炭素市場は月曜日に開いた。", "Цены выросли", "می\u200cخواهم",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f1e8\U0001f1f3", "e\u0301\u0323", "ÖÐ¹ú", "â€œquotedâ€",
    "a\u0301\u0302\u0303\u0304" * 9, "\u202eabc\u202c", "\ufeff", "\xad", "\u200b", "\xa0", "\u3000", "\ufffd",
    "\U0001f600", "\U000e0041",
)  # fmt: skip

CONTROLS: Final = (
    "\x00", "\x01", "\x08", "\x0b", "\x0c", "\r", "\r\n", "\n", "\t", "\x1b[31m", "\x1b$B", "\x1a", "\x7f", "\x85",
    "\u2028", "\u2029",
)  # fmt: skip

ENTITIES: Final = (
    "&nbsp;", "&amp;", "&lt;p&gt;", "&#0;", "&#x80;", "&#xD800;", "&#55357;&#56832;", "&#x110000;",
    "&#99999999999999;", "&copy", "&notit;", "&#", "&#x", "&", "&;", "&#8238;", "&zwj;", "&shy;",
    "&ZeroWidthSpace;", "&#13;", "&#10;", "&Tab;", "&NewLine;", "&ampamp;", "&#x4e2d;",
)  # fmt: skip

_NAMES: Final = (
    "p div span a b i em strong font center ul ol li dl dt dd h1 h2 h6 table tbody tr td th caption thead tfoot "
    "colgroup col section article nav header footer aside main form button select option optgroup textarea label "
    "fieldset legend pre code blockquote q details summary html head body svg math mtext mi desc foreignObject "
    "annotation-xml template noscript noframes frameset iframe object video audio canvas script style title xmp "
    "noembed plaintext marquee nobr ruby rt rp hgroup figure figcaption search slot custom-element o:p dialog "
    "menu dir address listing applet embed input img br hr wbr link meta base area image isindex keygen frame "
    "param source track"
)
OPEN: Final = tuple(f"<{name}>" for name in _NAMES.split())
CLOSE: Final = tuple(f"</{name}>" for name in _NAMES.split())

#: Tags with attributes, or spelled oddly.
TAGS: Final = (
    '<div class="article content" id=main>', '<a href="/x?a=1&b=2">', "<a href=x>", "<P ALIGN=CENTER>", "<Br/>",
    "<p/>", "<div/>", "<script/>", "<style/>", "<title/>", "<textarea/>", '<p style="display:none">', "<p hidden>",
    '<div aria-hidden="true">', "<table role=presentation>", '<svg viewBox="0 0 1 1"/>',
    "<SCRIPT TYPE=text/javascript>", "</SCRIPT >", "</script\n>", "</ script>", "<title >", "</TITLE>",
    "<li class=a class=b>", '<meta charset="gb2312">', "<meta charset=utf-8>",
    '<meta http-equiv=content-type content="text/html; charset=big5">', "<frame src=x>",
    '<meta name=author content="A\x00B\u202e">', '<meta property="og:title" content="T &#xD800; &lt;b&gt;">',
    '<link rel=canonical href="/x\ny">', '<html lang="zh-CN">', '<body onload="a>b">',
    '<template shadowrootmode="open">', '<input value="a>b">', "<img alt='a>b' src=x>", "<a name=top>",
    "<td rowspan=9999 colspan=9999>", "<ol start=99>", "<br clear=all>", "<p\x0cclass=x>", "<p\x00>", "<a\x00b>",
    '<div\n\n\tid = "x"  >',
)  # fmt: skip

#: What is left open, doubled, crossed, or no mark-up after all.
BROKEN: Final = (
    "<", ">", "</", "<>", "</>", "< p>", "</ p>", "<!", "<!>", "<!-", "<!--", "<!-->", "<!--->", "-->", "--!>",
    "--", "<!----!>", "<!-- x --", "<!--x->", "<?php echo '>' ?>", "<?xml version='1.0' encoding='gbk'?>", "<?",
    "<![CDATA[", "]]>", "<![endif]-->", "<!--[if lt IE 9]>", "<![if !IE]>", "<!DOCTYPE html>", "<!doctype html [",
    "]>", "<!ENTITY a 'b'>", "<!-- <!-- -->", "<!--<script>-->", "<!-- --> -->", '<a href="', "<a href='", '<a "',
    "<a ='", '<p ="x', '<p a="x"="y', '<p a==">', "<p a='\">", "<p a=\"b'>", '<p a=x"y>', '<a href=">">',
    '<p class="x>', '<a href=x">', "'", '"', "=", "='>", '">', "/>", '<p =\n"', "<p / =' >", '<a b="c"d="e">',
    "<a b=c/d>", "<a/b/c>", "<a b=`c`>", '<a title="5" wide">', "<a title='it's'>", "<p <div>", "<div <p>text</p>",
    "<script>var a='<p>';", "<script>if(a<b)document.write('</p>')</script>", "<script><!--",
    "<script>//<![CDATA[\n", "//]]></script>", "<style><!--", "<script>a='<!--<script>'",
    '<script type=\'application/ld+json\'>{"@type":"NewsArticle","headline":"\\ud800 x","author":"A\\u202e"}</script>',
    '<script type="application/ld+json">{"@type":"Article","author":{"name":["\\udc00"]},"datePublished":"2026-13-45"}</script>',
    '<script type="application/ld+json">[{"@type":["BlogPosting"],"publisher":{"name":"\\u0000P"}}]</script>',
    "<title>An <b>odd</b> title", "<title>Carbon prices | Example</title>", "<svg><style/>", "<svg><title/>",
    "<svg><script/>", "<math><mi><p>", "<svg><p>", "<svg><![CDATA[ <p>", "<table><p>", "<table><tr>stray",
    "<select><p>", "<select><table>", "<a><a>", "<p><h1><p>", "<b><p></b>", "<font><font></font>", "<td>", "<col>",
    "<button><button>", "<form><form>", "<nobr><nobr>", "<li><ul></li>", "<dt><dd>", "</body></html>", "</br>",
    "</p>", "<image>", "<textarea>\n", "<pre>\n\n", "&lt;script&gt;", "{{ template }}", "<% asp %>", "<%", "%>",
    "<3", "a<b", "a < b", "1<2>3", "<中>", "<中文>", "</中文>", "<p中>", "<http://example.org/a>", "<a@b.org>",
)  # fmt: skip

MARKDOWN: Final = (
    "# ", "## ", "###### ", "#", "- ", "* ", "+ ", "1. ", "1) ", "> ", ">> ", "    ", "\t", "  \n", "\\\n", "\n\n",
    "\n", "---\n", "***\n", "===\n", "```\n", "```py\n", "~~~\n", "````\n", "`", "``", "*", "**", "***", "_", "__",
    "~~", "[", "]", "(", ")", "](", "][", "]: ", "![", "![]( ", "[^1]", "[^1]: ", "[a]: <b> 'c'", "<b>", "</b>",
    "<!--", "-->", "<", ">", "<https://example.org/>", "<b ", "<div class='x'>\n", "|", " | ", "|---|---|\n",
    "| a | b |\n", ":-: | -\n", "\\|", "\\*", "&amp;", "&#0;", "- [ ] ", "- [x] ",
    "---\ntitle: A: b\ndate: 2026-13-99\n---\n", "title: x\n", "...\n", "[text](http://a.b/c_(d))",
    '![图](x.png "y")', "<a href='", "<br>", "$$", "\\", "_a_b_", "（", "）",
)  # fmt: skip

LINE_ENDS: Final = (
    "\n", "\n\n", "\r", "\r\n", "\r\r\n", "\n\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1e", "\n\n\n\n",
    " \n", "\u3000\n", "",
)  # fmt: skip

#: Python's names of encodings whose ASCII bytes are ASCII.
ASCII_BASED: Final = (
    "utf-8", "gb18030", "gbk", "big5", "big5hkscs", "euc_kr", "euc_jp", "cp1252", "latin-1", "koi8-r", "cp1251", "shift_jis",
    "cp950",
)  # fmt: skip
#: Encodings that are not, with the byte order mark.
WIDE: Final = (
    ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-32-le", b"\xff\xfe\0\0"), ("utf-32-be", b"\0\0\xfe\xff"),
)  # fmt: skip
