"""Teach a new site: pages of it, a drafted rule file, and what the file changes beside marked text.

The same steps by hand are in docs/maintainer.md.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

TOPICS = ["river", "harbour", "forest", "school", "market", "bridge", "railway", "museum"]
FRAME = """示例谷地新闻 | 首页 | 社区 | 论坛

{title}

The {topic} board of the valley met on Monday and agreed on plan number {n}, which its members had asked for in {n} letters.

关于{topic}的第{n}号方案获得通过，与会代表一致认为应当尽快组织实施，并向公众公布进展情况。

Readers of the Valley News meet every Thursday at the old mill
编辑部热线随时恭候您的来电
"""


def winnow(*words: str | Path) -> str:
    """What a command prints."""
    command = [Path(sys.executable).with_name("winnow"), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


with tempfile.TemporaryDirectory() as folder:
    raw, out, rules = (Path(folder) / name for name in ("raw", "out", "my-rules"))
    site = raw / "example.org"
    site.mkdir(parents=True)
    for n, topic in enumerate(TOPICS, 1):
        (site / f"{topic}.txt").write_text(FRAME.format(title=f"News of the {topic}", topic=topic, n=n * 37), "utf-8")
    winnow("run", raw, out)
    print(winnow("rules", "list", "--site", "example.org", "--out", out))
    print(winnow("rules", "new", "example.org", "--out", out, "--write", "--rules", rules))
    print(winnow("rules", "test", "--rules", rules))
    print(winnow("explain", site / "river.txt", "--out", out, "--rules", rules))
