"""One page in memory: its text, what was left out of it, and what decided that."""

from pipeline import CleanDocument, clean
from pipeline.types import Label

PAGE = """<!doctype html><title>河流治理规划获批 River plan approved</title>
<nav><a href="/">首页 Home</a> | <a href="/news">新闻 News</a></nav>
<h1>河流治理规划获批</h1>
<p>来源：示例环境网 2024-09-11 08:46</p>
<p>理事会周二通过了未来五年的河流治理规划，有关负责人出席会议并讲话，要求各地抓好落实。</p>
<p>The council approved a five-year plan for the river on Tuesday, after months of talks with towns along its banks.</p>
<footer>版权所有 © 2024 示例环境网 京ICP备12345678号</footer>"""

found = clean(PAGE, url="https://www.example.org/news/1.html")
if isinstance(found, CleanDocument):
    print(f"{found.title} ({found.lang}, {found.published_at:%Y-%m-%d}, {found.source})\n")
    print(found.text, end="\n\n")
    for block in found.blocks:
        if block.label not in {Label.CONTENT, Label.TITLE}:
            print(f"left out as {block.label.value}, by {block.decided_by}: {block.text}")
else:  # a Rejection says why it is no document
    print(found.reason, found.message)
