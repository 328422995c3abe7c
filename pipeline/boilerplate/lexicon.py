"""Words that tell a block's trade, for the features: of its text (both scripts) and of its classes and ids.

To add a word, put it in its row. Words of alphabets match whole (longer than eight letters: by their first
eight); Chinese entries are two characters and match anywhere. The lists come from reading the precision
errors of other extractors on Chinese and English pages; weights on them are learned, so a list only has to
be coherent, not complete.
"""

from __future__ import annotations

import re

#: What each kind of chaff says. One column a row.
TEXT_WORDS: dict[str, str] = {
    "navigation": """home homepage menu navigation skip search login log sign register account sitemap map next
        previous prev back top language english index main categories category archives toggle view all close
        首页 主页 导航 地图 登录 登陆 注册 搜索 检索 收藏 返回 顶部 上一 下一 频道 栏目 更多 当前 位置 无障 繁体 简体
        英文 目录 列表 专题 會員 首頁 登入 搜尋""",
    "share": """share facebook twitter weibo wechat follow subscribe newsletter rss email e-mail print linkedin
        pinterest instagram whatsapp telegram youtube tumblr reddit tweet app
        分享 微信 微博 扫一 二维 维码 关注 公众 订阅 打印 字号 字体 朋友 客户 扫描 转发 手机 訂閱 關注""",
    "legal": """copyright rights reserved privacy policy terms cookie cookies disclaimer trademark trademarks gdpr
        consent accept license conditions
        版权 备案 免责 声明 隐私 条款 公网 安备 转载 侵权 举报 违法 不良 许可 增值 所有 授权 著作 协议 版權 聲明""",
    "related": """related recommended popular trending latest also recommendations similar featured stories posts
        articles read news topics tags
        相关 推荐 热门 排行 阅读 猜你 喜欢 热点 精彩 热榜 标签 相關 推薦 最新 精选 链接""",
    "comments": """comment comments reply replies posted post likes like votes vote upvote member joined quote report
        views guest
        评论 回复 发表 点赞 楼主 跟帖 网友 留言 发帖 楼层 积分 帖子 回帖 粉丝 評論 回覆 举报""",
    "byline": """by author editor published updated source written date reading min mins minutes ago photo credit
        来源 作者 编辑 责任 责编 记者 发布 时间 日期 浏览 点击 次数 校对 审核 通讯 阅读 字数 稿源 來源 編輯 記者""",
    "commerce": """buy cart add price shop sale shipping click download free order checkout deals offer contact
        phone tel fax address
        购买 购物 价格 下载 优惠 客服 电话 地址 邮箱 邮编 联系 热线 传真 主办 承办 技术 支持 广告 商务 友情""",
}

#: What classes and ids say. One column a row; the patterns match inside one class or id word.
CLASS_WORDS: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "article": r"article|entry|story|post(?!er)|detail|zhengwen|正文|news.?text|prose|markdown|richtext|rich_",
        "content": r"content|(?<!con)text|body|^main|neirong|内容|^con$|^txt$|wysiwyg|paragraph|description|desc$",
        "title": r"title|headline|heading|^h1|biaoti",
        "meta": r"meta|byline|bianji|editor|zuozhe|author|date|time|info|source|publish|writer|credit|avatar|laiyuan",
        "navigation": r"nav|menu|crumb|header|^top|toolbar|pager|pagination|skip|tab(?!le)|daohang",
        "footer": r"foot|copyright|bottom|legal|colophon|beian|banquan|shenm|mianze|declare|statement|reference|footnote",
        "side": r"side|aside|rail|widget|^right|^left|secondary|column",
        "share": r"share|social|follow|weixin|wechat|weibo|qrcode|subscri|newsletter|fenxiang|sign.?up",
        "related": (
            r"relat|recom|similar|popular|trending|tags?$|rank|hot(?!el)|more|xiangguan|tuijian|guess|other|prev|next"
            r"|ellips|teaser|card|list"
        ),
        "comments": r"comment|repl(?:y|ies)|disqus|pinglun|thread|message|forum|topic|floor|review",
        "advert": r"^ads?$|^ads?[-_]|[-_]ads?$|advert|banner|promo|sponsor|guanggao|cta",
        "dialog": r"modal|popup|cookie|consent|dialog|overlay|login|hidden|hide|sr-only|visually|form|search|button|btn",
        "table": r"table|spec|infobox|data|price|product|cart",
    }.items()
}
