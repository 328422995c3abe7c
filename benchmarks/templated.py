"""Templates filled in, each time for another person, place, day or thing: how many of the texts stay documents.

``python -m benchmarks.templated [--groups 20] [--members 6]``. Six domains in two languages; a group is one template of
its domain, filled in for each member. Every text is a document of its own, so none may be left out. Beside each group
stand reposts of one member: in another site's frame, cut short, under another headline, with a paragraph more; those
must be found. Prints both counts, by domain, and how many shingles alone would leave out.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.dedup.clusters import find_duplicates, make_index
from pipeline.dedup.signature import sign


@dataclass(frozen=True, slots=True)
class Text:
    title: str
    body: str


Make = Callable[[random.Random], Callable[[random.Random], Text]]

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章"
GIVEN = "明华建国秀英丽娟志强晓东海燕春梅玉兰文斌桂芳少军俊杰淑珍立新永福"
PLACES = "青石桥 柳林 东湖 白沙 望江 石门 双河 龙泉 枫林 大堰 南坪 杏花 黄泥岗 梅溪 北渡 云台 新塘 马鞍山".split()
NAMES = "Holloway Prentice Ashdown Merrick Talbot Winslow Garrett Lindley Marlow Pemberton Rourke Stavely Thorne Vickers".split()
FIRST = "Alice Martin Ruth Graham Helen Peter Joan Owen Clara Edwin Nora Hugh Dora Felix".split()
TOWNS = "Marston Elmswell Thornby Coldbrook Fenwick Ashcombe Wexley Hartwell Oakridge Stanmere Kirkdale Brindle".split()
DIGITS = "一二三四五六七八九"
MONTHS = "January February March April May June July August September October November December".split()


def person(rng: random.Random) -> str:
    return rng.choice(SURNAMES) + "".join(rng.sample(GIVEN, rng.choice((1, 2, 2))))


def number(rng: random.Random) -> str:
    return rng.choice(
        (f"{rng.choice(DIGITS)}万{rng.choice(DIGITS)}千", f"十{rng.choice(DIGITS)}万", f"{rng.choice(DIGITS)}万")
    )


def small(rng: random.Random) -> str:
    return rng.choice((f"十{rng.choice(DIGITS)}", f"{rng.choice(DIGITS)}十", rng.choice(DIGITS)))


def day(rng: random.Random) -> str:
    return f"{rng.randint(1, 12)}月{rng.randint(1, 28)}日"


def english_day(rng: random.Random) -> str:
    return f"{rng.randint(1, 28)} {rng.choice(MONTHS)}"


def full_name(rng: random.Random) -> str:
    return f"{rng.choice(FIRST)} {rng.choice(NAMES)}"


def court_zh(group: random.Random) -> Callable[[random.Random], Text]:
    court, bank = f"{group.choice(PLACES)}县人民法院", f"{group.choice(PLACES)}农村商业银行"
    cause = group.choice(("金融借款合同", "买卖合同", "物业服务合同", "民间借贷"))

    def fill(rng: random.Random) -> Text:
        who, sum_ = person(rng), number(rng)
        return Text(f"{court}公告", (
            f"{who}：本院受理原告{bank}与被告{who}{cause}纠纷一案，现已审理终结。因你下落不明，依照《中华人民共和国民事诉讼法》"
            f"的规定，向你公告送达本院的民事判决书。判决如下：被告{who}于本判决生效之日起十日内偿还原告欠款{sum_}元，"
            f"并支付逾期利息；案件受理费由被告负担。自本公告发出之日起经过三十日即视为送达。如不服本判决，可在判决书送达之日起"
            f"十五日内向本院递交上诉状及副本，上诉于上一级人民法院。逾期本判决即发生法律效力。"))  # fmt: skip

    return fill


def court_en(group: random.Random) -> Callable[[random.Random], Text]:
    court = f"{group.choice(TOWNS)} County Court"

    def fill(rng: random.Random) -> Text:
        who, sum_ = full_name(rng), f"{rng.randint(2, 90)},{rng.randint(100, 999)}"
        return Text(f"Notice of {court}", (
            f"In the {court}, sitting in civil matters. To {who}, formerly of {rng.randint(2, 90)} {rng.choice(TOWNS)} Road, "
            f"whose present address is unknown. Take notice that judgment has been entered against you in the claim brought by the "
            f"savings bank for the sum of {sum_} pounds together with costs. You may apply to have the judgment set aside within "
            f"fourteen days of the date of this notice. If no application is made, the bailiff may be instructed to recover the sum "
            f"without further warning. A copy of the judgment may be collected from the office of the court during opening hours."))  # fmt: skip

    return fill


SKIES = "晴 多云 阴 小雨 小雨转阴 多云转晴 中雨 雾".split()
WINDS = "东风 南风 西风 北风 东北风 西南风".split()


def forecast_zh(group: random.Random) -> Callable[[random.Random], Text]:
    advice = group.choice(("早晚温差较大，请注意添衣保暖，外出时留意路面结冰，驾车减速慢行。",
                           "近期空气湿度较大，请注意防潮防霉，体弱的老人和孩子应当减少外出。"))  # fmt: skip

    def fill(rng: random.Random) -> Text:
        place = rng.choice(PLACES) + rng.choice("镇乡县")
        return Text(f"{place}天气预报", (
            f"{place}气象站今天傍晚发布未来两天的天气预报。\n今天夜里到明天白天，{place}{rng.choice(SKIES)}，"
            f"最高气温{small(rng)}度，最低气温{rng.choice(DIGITS)}度，{rng.choice(WINDS)}{rng.choice(DIGITS)}级。\n"
            f"气象站提醒：{advice}"))  # fmt: skip

    return fill


def forecast_en(group: random.Random) -> Callable[[random.Random], Text]:
    sky = "bright|overcast with drizzle|clear after early mist|showery|foggy until noon|windy and cold".split("|")

    def fill(rng: random.Random) -> Text:
        town = rng.choice(TOWNS)
        return Text(f"Forecast for {town}", (
            f"The weather station at {town} has issued its forecast for the next two days. Tonight and tomorrow it will be "
            f"{rng.choice(sky)} in {town}, with a highest temperature of {rng.randint(6, 24)} degrees and a "
            f"{rng.choice(('northerly', 'southerly', 'westerly', 'easterly'))} wind. Drivers are reminded to allow more time for "
            f"their journeys and to keep their lights on. The next forecast will be issued tomorrow evening at six."))  # fmt: skip

    return fill


JOBS = "会计 仓库管理员 电工 护士 厨师 水质化验员 幼儿教师 叉车司机 平面设计师 收银员".split()
JOBS_EN = (
    "bookkeeper|warehouse hand|electrician|night nurse|pastry cook|lab technician|bus driver|gardener|cashier".split(
        "|"
    )
)


def job_zh(group: random.Random) -> Callable[[random.Random], Text]:
    firm = f"{group.choice(PLACES)}实业有限公司"

    def fill(rng: random.Random) -> Text:
        job = rng.choice(JOBS)
        return Text(f"{firm}招聘{job}", (
            f"{firm}因业务发展需要，现面向社会公开招聘{job}{small(rng)}名，工作地点在{rng.choice(PLACES)}。\n任职要求：身体健康，"
            f"品行端正，能吃苦耐劳，服从工作安排，有{job}相关工作经验者优先。\n薪酬待遇：试用期三个月，转正以后月薪"
            f"{rng.choice(DIGITS)}千元起，缴纳社会保险，提供食宿，节假日发放福利。\n报名方式：请携带身份证和学历证书原件到公司人事部"
            f"登记，合格者另行通知面试时间，谢绝来访。"))  # fmt: skip

    return fill


def job_en(group: random.Random) -> Callable[[random.Random], Text]:
    firm = f"{group.choice(NAMES)} and Sons"

    def fill(rng: random.Random) -> Text:
        job = rng.choice(JOBS_EN)
        return Text(f"{job.capitalize()} wanted", (
            f"{firm} is looking for a {job} to join its team in {rng.choice(TOWNS)}. You will work {rng.randint(20, 40)} hours a "
            f"week and report to the manager of the site. We offer a friendly place of work, a pension, paid holidays and free "
            f"parking. The pay is {rng.randint(11, 25)} pounds an hour, reviewed each spring. Experience as a {job} is welcome but "
            f"not needed, as full training will be given. To apply, send a letter and the names of two referees to the office. "
            f"We are committed to treating all applicants fairly and without regard to age or background."))  # fmt: skip

    return fill


DEEDS_ZH = [
    "修好了村小学的屋顶",
    "为八户人家接上了自来水",
    "在河边种了三百棵柳树",
    "给老人食堂换了新灶台",
    "把晒谷场铺成了水泥地面",
]
DEEDS_EN = [
    "the bells were rehung by a firm from the city", "a new path was laid across the churchyard", "the hall kitchen was fitted with an oven",
    "the war memorial was cleaned and its letters cut afresh", "a bus shelter was built of oak beside the green",
]  # fmt: skip


def parish_zh(group: random.Random) -> Callable[[random.Random], Text]:
    def fill(rng: random.Random) -> Text:
        place = rng.choice(PLACES) + "村"
        return Text(f"{place}村务公开", (
            f"{place}村民委员会本年度召开村民代表会议四次，会议记录由文书保管，村民可以在工作日到村部查阅。财务收支已经过乡镇审计，"
            f"结果张贴在公开栏。一年来，村里{rng.choice(DEEDS_ZH)}，资金来自集体收入和上级补助。村委会感谢全体村民的支持，"
            f"并提醒大家，下一年度的村民大会将在正月初十举行，请每户至少派一名代表参加，有意见可以提前交到村部。"))  # fmt: skip

    return fill


def parish_en(group: random.Random) -> Callable[[random.Random], Text]:
    def fill(rng: random.Random) -> Text:
        town = rng.choice(TOWNS)
        return Text(f"Report of the parish of {town}", (
            f"Report of the parish council of {town} for the year. The council met nine times and every meeting was open to the "
            f"public. The minutes are kept by the clerk, who can be seen at the office on two mornings a week. The accounts have been "
            f"audited and nothing was found wanting. During the year {rng.choice(DEEDS_EN)}. The council is grateful to all who gave "
            f"their time and reminds residents that the annual meeting will be held in the village hall at the end of April."))  # fmt: skip

    return fill


GOODS_ZH = "保温杯 台灯 雨伞 砂锅 竹席 收纳箱 电水壶 羊毛围巾 折叠椅".split()
COLOURS_ZH = "墨绿色 米白色 藏青色 砖红色 浅灰色 天蓝色".split()
GOODS_EN = "kettle|desk lamp|umbrella|wool scarf|folding chair|bread bin|garden fork|wall clock".split("|")
COLOURS_EN = "dark green|cream|navy|brick red|pale grey|sky blue".split("|")


def goods_zh(group: random.Random) -> Callable[[random.Random], Text]:
    def fill(rng: random.Random) -> Text:
        thing, colour = rng.choice(GOODS_ZH), rng.choice(COLOURS_ZH)
        return Text(f"{colour}{thing}", (
            f"这款{colour}{thing}由本店自有工厂生产，用料扎实，做工细致，适合家庭日常使用，也可以作为礼物送给亲友。\n规格：{small(rng)}"
            f"号，重量{small(rng)}两。\n{thing}出厂以前经过三道检验，收到商品以后七天之内如有质量问题可以免费退换，来回运费由本店承担。"
            f"下单以后四十八小时之内发货，偏远地区需要补运费差价，具体金额请咨询客服。"))  # fmt: skip

    return fill


def goods_en(group: random.Random) -> Callable[[random.Random], Text]:
    def fill(rng: random.Random) -> Text:
        thing, colour = rng.choice(GOODS_EN), rng.choice(COLOURS_EN)
        return Text(f"{colour} {thing}", (
            f"Our {colour} {thing} is made in our own workshop from carefully chosen materials and will serve a household for many "
            f"years. It also makes a welcome present. Weight {rng.randint(200, 2000)} grams. Every {thing} is checked by hand before "
            f"it leaves us. If you are not happy with it, send it back within thirty days and we will refund the price and the "
            f"postage. Orders placed before noon are sent out on the same day, except at weekends and on public holidays."))  # fmt: skip

    return fill


def match_zh(group: random.Random) -> Callable[[random.Random], Text]:
    cup = f"{group.choice(PLACES)}杯乡村篮球联赛"

    def fill(rng: random.Random) -> Text:
        home, away = rng.sample(PLACES, 2)
        star = person(rng)
        return Text(f"{home}队胜{away}队", (
            f"{day(rng)}，{cup}继续进行，{home}队在主场以{rng.randint(60, 110)}比{rng.randint(40, 59)}战胜{away}队。比赛开始以后双方"
            f"比分交替上升，下半场{home}队逐渐拉开差距。{star}得到全场最高的{rng.randint(18, 40)}分。赛后，"
            f"球队会总结经验，继续努力，争取在接下来的比赛中为家乡球迷带来更好的表现。"
            f"本次联赛共有十二支球队参加，采用主客场双循环赛制。"))  # fmt: skip

    return fill


def match_en(group: random.Random) -> Callable[[random.Random], Text]:
    league = group.choice(("county league", "valley cup", "coastal division"))

    def fill(rng: random.Random) -> Text:
        home, away = rng.sample(TOWNS, 2)
        return Text(f"{home} beat {away}", (
            f"{home} beat {away} by {rng.randint(3, 6)} goals to {rng.randint(0, 2)} in the {league} on {english_day(rng)}. The visitors "
            f"began well and had the better of the first half hour, but tired after the interval. {full_name(rng)} scored twice for "
            f"{home} and was named player of the match. The manager said that his side had worked hard all week and deserved the points. "
            f"The league goes on next Saturday, when all matches kick off at three o'clock. Tickets are sold at the gate and children "
            f"under twelve go in free with an adult."))  # fmt: skip

    return fill


DOMAINS: dict[str, Make] = {
    "court zh": court_zh, "court en": court_en, "forecast zh": forecast_zh, "forecast en": forecast_en,
    "job zh": job_zh, "job en": job_en, "parish zh": parish_zh, "parish en": parish_en, "goods zh": goods_zh,
    "goods en": goods_en, "match zh": match_zh, "match en": match_en,
}  # fmt: skip

FRAMES = {
    "zh": ("（原标题：乡里的一件新鲜事）\n晚报讯 ", "\n责任编辑：文字组\n以上内容转自网络，如有问题请与本站联系。"),
    "en": ("Posted by the desk\n", "\nThis text appeared elsewhere first. Write to us if anything in it is wrong."),
}
MORE = {
    "zh": "另据了解，当地将于下个月公布下一步的安排，届时居民可以在镇里的公开栏和广播里得知详情，也可以打电话询问。",
    "en": "It is understood that the next steps will be made known in a month, on the board outside the hall and by post.",
}


def reposts(text: Text, lang: str) -> list[Text]:
    before, after = FRAMES[lang]
    return [
        Text(text.title, f"{before}{text.body}{after}"),
        Text(text.title, text.body[: int(len(text.body) * 0.8)]),
        Text("邻里之间" if lang == "zh" else "News in brief", text.body),
        Text(text.title, f"{text.body}\n{MORE[lang]}"),
    ]


def left_out(texts: Sequence[Text], *, with_sequences: bool = True) -> set[int]:
    signatures = [sign(text.body, title=text.title) for text in texts]
    index = make_index([f"{at:06d}" for at in range(len(texts))], signatures)
    found = find_duplicates(
        index,
        lambda rows: [signatures[row].shingles for row in rows],
        load_sequences=(lambda rows: [signatures[row].sequence for row in rows]) if with_sequences else None,
    )
    return {one.row for one in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=20)
    parser.add_argument("--members", type=int, default=6)
    given = parser.parse_args()
    for name, make in DOMAINS.items():
        lost = lost_by_shingles = found = n_members = n_reposts = 0
        for group in range(given.groups):
            rng = random.Random(f"{name} {group}")
            fill = make(rng)
            members = list({text.body: text for text in (fill(rng) for _ in range(given.members))}.values())
            lost += len(left_out(members))
            lost_by_shingles += len(left_out(members, with_sequences=False))
            n_members += len(members)
            for copy in reposts(members[0], name[-2:]):
                found += len(left_out([members[0], copy]))
                n_reposts += 1
        lost_in_all = f"left out {lost:4} (by shingles alone {lost_by_shingles:4}) of {n_members:4}"
        print(f"{name:12} {lost_in_all}   reposts found {found:4} of {n_reposts:4}")


if __name__ == "__main__":
    main()
