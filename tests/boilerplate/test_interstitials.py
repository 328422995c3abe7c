"""Pages that are none are known by what they say and by how little else is there; pages about them are pages."""

import pytest

from pipeline import CleanDocument, clean
from pipeline.boilerplate.interstitials import find_interstitial, known_pages
from pipeline.errors import Reason, Rejection
from pipeline.types import Block, BlockKind, Decision, Label, PageHead

FILLER_ZH = (
    "<p>河湾镇的渡口在去年秋天停用，新桥离它只有三百步，老船工把两条木船拖上了岸。</p>"
    "<p>镇里打算把渡口改成一个小广场，栏杆用旧船板做，预算要到明年春天才能批下来。</p>"
    "<p>附近的住户说，他们最舍不得的是船靠岸时敲的那口铜钟，如今它挂在文化站的门口。</p>"
)
FILLER_EN = (
    "<p>The ferry below the mill made its last crossing in October, a week after the new bridge was opened.</p>"
    "<p>Two of the boats have been pulled ashore, and the parish wants to turn the landing into a small square.</p>"
    "<p>Neighbours say that they will miss the bell most of all; it now hangs over the door of the reading room.</p>"
)


def page(body, title="", lang="zh-CN"):
    head = f'<meta charset="utf-8"><title>{title}</title>'
    return f'<!DOCTYPE html><html lang="{lang}"><head>{head}</head><body>{body}</body></html>'


@pytest.mark.parametrize(
    ("id_", "lines"),
    [(one.id, lines) for one in known_pages() for lines in one.examples],
    ids=lambda value: str(value)[:40],
)
def test_every_example_is_no_document_as_html_and_as_text(id_, lines):
    for source in (page("".join(f"<p>{line}</p>" for line in lines)), "\n".join(lines)):
        found = clean(source)
        assert isinstance(found, Rejection), (id_, source, found.text)
        assert found.reason in (Reason.NO_CONTENT, Reason.EMPTY)


@pytest.mark.parametrize(
    ("title", "body"),
    [
        (
            "Access to this page has been denied",
            "<h1>Press &amp; Hold to confirm you are a human (and not a bot).</h1><p>Reference ID 00-11</p>",
        ),
        (
            "Pardon Our Interruption",
            "<p>As you were browsing something about your browser made us think you were a bot.</p><p>"
            "You've disabled cookies in your web browser.</p>",
        ),
        ("请求已被拦截", "<h2>您的请求疑似攻击行为，已被网站管理员设置拦截！</h2><p>事件编号：00aa</p>"),
        ("滑块验证", "<p>请按住滑块，拖动到最右边</p><p>验证失败，点击刷新</p>"),
        ("安全验证", "<p>为了您的账号安全，请在下方完成拼图验证后再继续。</p>"),
        ("出错了", "<p>您要找的帖子飞走了，或许已经被楼主删除。</p><a href='/'>返回首页</a>"),
        ("公众号", "<p>此内容因违规无法查看</p><p>由用户投诉并经平台审核，存在违法信息，查看对应规则。</p>"),
        ("系統訊息", "<p>抱歉，您沒有權限檢視此文章，請先登入。</p>"),
        ("数据库错误", "<p>建立数据库连接时出错</p>"),
        (
            "IIS 10.0 Detailed Error - 404.0 - Not Found",
            "<h1>HTTP Error 404.0 - Not Found</h1><p>"
            "The resource you are looking for has been removed, had its name changed, or is temporarily unavailable.</p>"
            "",
        ),
        (
            "HTTP Status 404 – Not Found",
            "<h1>HTTP Status 404 – Not Found</h1><p><b>Type</b> Status Report</p><p><b>Message</b> /tea.jsp</p><h3>"
            "Apache Tomcat/8.5.50</h3>",
        ),
        (
            "Gazette",
            "<noscript>We're sorry but this app doesn't work properly without JavaScript enabled.</noscript>"
            "<div id=app></div>",
        ),
        ("河湾镇", "<p>您正在使用的浏览器版本过低，建议升级浏览器后再访问。</p>"),
        ("Members", "<p>You must be logged in to view this content.</p><label>Password</label>"),
        (
            "Site Maintenance",
            "<h1>We&rsquo;ll be back soon!</h1><p>"
            "Sorry for the inconvenience but we&rsquo;re performing some maintenance at the moment.</p><p>"
            "&mdash; The Team</p>",
        ),
        ("网站维护", "<p>本站正在升级，预计今晚八点恢复访问，敬请谅解。</p>"),
        ("n-example.cn", "<p>该域名正在出售，有意者请联系。</p>"),
        ("", "<p>{{ post.title }}</p><p>{{ post.summary }}</p>"),
        (
            "Error 1015",
            "<h1>Error 1015</h1><p>You are being rate limited</p><p>"
            "The owner of this website (g.example.org) has banned you temporarily from accessing this website.</p>",
        ),
    ],
    ids=lambda value: value[:30],
)
def test_pages_that_are_none(title, body):
    found = clean(page(body, title))
    assert isinstance(found, Rejection), found.text
    assert found.reason is Reason.NO_CONTENT


def test_the_message_says_what_it_is_and_the_mend():
    found = clean(page("<h1>502 Bad Gateway</h1><hr>openresty", "502 Bad Gateway"))
    assert isinstance(found, Rejection)
    assert "server's error" in found.message
    assert "fetch the page again" in found.message


@pytest.mark.parametrize("filler", [FILLER_ZH, FILLER_EN])
@pytest.mark.parametrize(
    "extra",
    [
        "<h1>404 Not Found</h1><p>请完成安全验证后继续访问，是河湾镇文化站网站最常见的一句话。</p>",
        "<noscript>Please enable JavaScript to view the comments.</noscript>",
        "<p>该内容已被发布者删除</p>",
        "<div class=footer>请先登录后再评论</div>",
    ],
)
def test_a_page_with_a_body_is_a_document(filler, extra):
    found = clean(page(f"<h1>The ferry 渡口</h1>{filler}{extra}", "The ferry 渡口"))
    assert isinstance(found, CleanDocument)
    assert "铜钟" in found.text or "the bell" in found.text


@pytest.mark.parametrize(
    "text",
    [
        "服务器机房在凌晨出现火情，消防员用半小时扑灭，没有人受伤。",
        "验证码的字母歪歪扭扭，是为了让机器认不出来。老人们却也常常认不出来。",
        "一家网店的客服说，页面显示“404”那天，他们接了九百个电话。",
        "The town's website showed “Access denied” for two days. The clerk had forgotten to renew a certificate.",
        "A captcha asks people to pick out bicycles. Most can, but it takes them nine seconds on average.",
        "系统出现偏差，列车因此晚点二十分钟，调度员在下午恢复了正常的班次。",
        "The bridge is currently under construction, and boats must wait for a signal from the keeper.",
    ],
)
def test_a_short_note_about_such_things_is_a_document(text):
    assert isinstance(clean(text), CleanDocument), text


def test_a_wall_under_a_teaser_is_flagged():
    wall = "<p>This article is for subscribers only.</p><p>Subscribe now to continue reading this story and all others.</p>"
    found = clean(page(f"<h1>The ferry</h1>{FILLER_EN}{wall}", "The ferry", "en"))
    assert isinstance(found, CleanDocument)
    assert "interstitial" in found.flags or "subscribers only" not in found.text


def test_what_http_says_counts():
    head = PageHead(meta=(("http-status", "404 Not Found"),))
    blocks = [Block(0, "Sorry about that", BlockKind.PARAGRAPH, 0, 16)]
    decisions = [Decision(Label.CONTENT, "model:x", 0.9)]
    assert find_interstitial(PageHead(), blocks, decisions) is None
    found = find_interstitial(head, blocks, decisions)
    assert found is not None
    assert found.alone
