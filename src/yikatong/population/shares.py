"""What the population is drawn from: ages, provinces, names. Shares, not people."""

from typing import Final

AGE_GROUPS: Final[tuple[tuple[int, int, float], ...]] = (
    (0, 4, 5.5), (5, 9, 6.4), (10, 14, 6.0), (15, 19, 5.2), (20, 24, 5.3), (25, 29, 6.5),
    (30, 34, 8.8), (35, 39, 7.0), (40, 44, 6.6), (45, 49, 8.1), (50, 54, 8.6), (55, 59, 7.2),
    (60, 64, 5.2), (65, 69, 5.2), (70, 74, 3.5), (75, 79, 2.2), (80, 84, 1.4), (85, 89, 0.8),
    (90, 99, 0.3),
)  # fmt: skip
"""From, to, percent: the seventh national census (第七次全国人口普查, 2020), rounded."""

PROVINCES: Final[dict[str, int]] = {
    "11": 2189, "12": 1387, "13": 7461, "14": 3492, "15": 2405, "21": 4259, "22": 2407,
    "23": 3185, "31": 2487, "32": 8475, "33": 6457, "34": 6103, "35": 4154, "36": 4519,
    "37": 10153, "41": 9937, "42": 5775, "43": 6644, "44": 12601, "45": 5013, "46": 1008,
    "50": 3205, "51": 8367, "52": 3856, "53": 4721, "54": 365, "61": 3953, "62": 2502,
    "63": 592, "64": 720, "65": 2300, "66": 285,
}  # fmt: skip
"""Inhabitants in ten thousands by province, the same census; the Corps counted apart."""

MAGNETS: Final[tuple[str, ...]] = ("110000", "310000", "440100", "330100", "320100", "510100")
"""Where people move for work."""

SURNAMES: Final = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈"
    "姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤"
)
"""The hundred-odd commonest family names, the commonest first."""

GIVEN_MALE: Final = "伟强磊军洋勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林欢建国志文德福海"
GIVEN_FEMALE: Final = "芳娜敏静丽艳娟霞秀兰燕玲桂英梅莉洁红琳雪慧萍莹婷玉凤晶欣佳怡颖倩珍蓉薇淑香月"

ROADS: Final = (
    "人民路",
    "解放路",
    "建设街",
    "中山路",
    "文化路",
    "和平街",
    "新华路",
    "长江路",
    "北京路",
    "学府路",
)
BANKS: Final = ("ICBC", "ABC", "BOC", "CCB", "BOCOM", "PSBC")
PHONE_PREFIXES: Final = (
    "130",
    "131",
    "135",
    "136",
    "138",
    "139",
    "150",
    "158",
    "177",
    "186",
    "189",
    "199",
)
DISEASES: Final = ("高血压", "糖尿病", "慢性肾功能衰竭透析", "恶性肿瘤门诊治疗", "器官移植抗排异")
"""The five chronic diseases that settle across provinces (五种门诊慢特病)."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "310": ("civil_servant", "civil_servant", "enterprise_supplement", "veteran", "disabled"),
    "390": ("low_income", "low_income", "disabled", "destitute", "tier_two"),
}
"""Special groups by insurance; one that stands twice is twice as common."""
