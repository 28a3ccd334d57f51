"""Make `src/yikatong/data/regions.csv` from a list of GB/T 2260 codes (code,name,kind,parent).

Adds pinyin for search, an English name, and the pooling region (统筹区) each one belongs to.
Run: python scripts/make_regions.py codes.csv
"""

import csv
import sys
from pathlib import Path

from pypinyin import Style, lazy_pinyin, load_phrases_dict

# Readings of place names that the dictionary gets wrong.
load_phrases_dict(
    {
        "重庆": [["chóng"], ["qìng"]],
        "长治": [["cháng"], ["zhì"]],
        "六安": [["lù"], ["ān"]],
        "六枝": [["liù"], ["zhī"]],
        "六盘水": [["liù"], ["pán"], ["shuǐ"]],
        "台州": [["tāi"], ["zhōu"]],
        "丽水": [["lí"], ["shuǐ"]],
        "蚌埠": [["bèng"], ["bù"]],
        "亳州": [["bó"], ["zhōu"]],
        "乐清": [["yuè"], ["qīng"]],
        "乐山": [["lè"], ["shān"]],
        "厦门": [["xià"], ["mén"]],
        "番禺": [["pān"], ["yú"]],
        "东阿": [["dōng"], ["ē"]],
        "莘县": [["shēn"], ["xiàn"]],
        "浚县": [["xùn"], ["xiàn"]],
        "单县": [["shàn"], ["xiàn"]],
        "牟平": [["mù"], ["píng"]],
        "中牟": [["zhōng"], ["mù"]],
        "大埔": [["dà"], ["bù"]],
        "黄埔": [["huáng"], ["pǔ"]],
        "洪洞": [["hóng"], ["tóng"]],
        "监利": [["jiàn"], ["lì"]],
        "铅山": [["yán"], ["shān"]],
        "婺源": [["wù"], ["yuán"]],
        "燕山": [["yān"], ["shān"]],
        "朝阳": [["cháo"], ["yáng"]],
        "井陉": [["jǐng"], ["xíng"]],
        "蔚县": [["yù"], ["xiàn"]],
        "繁峙": [["fán"], ["shì"]],
        "犍为": [["qián"], ["wéi"]],
        "郫都": [["pí"], ["dū"]],
        "阿坝": [["ā"], ["bà"]],
        "都江堰": [["dū"], ["jiāng"], ["yàn"]],
        "石柱": [["shí"], ["zhù"]],
        "身毒": [["yuān"], ["dú"]],
    }
)

ENGLISH = {
    "150000": "Inner Mongolia",
    "450000": "Guangxi",
    "540000": "Xizang",
    "610000": "Shaanxi",
    "640000": "Ningxia",
    "650000": "Xinjiang",
    "660000": "Xinjiang Production and Construction Corps",
    "710000": "Taiwan",
    "810000": "Hong Kong",
    "820000": "Macao",
    "150100": "Hohhot",
    "150200": "Baotou",
    "150600": "Ordos",
    "150700": "Hulunbuir",
    "230100": "Harbin",
    "540100": "Lhasa",
    "650100": "Urumqi",
}
SUFFIXES = ("特别行政区", "自治区", "自治州", "自治县", "自治旗", "地区", "林区", "特区")
SHORT_SUFFIXES = ("省", "市", "区", "县", "盟", "旗")
# Hainan pools its medical insurance for the whole province, not by city.
POOLED_BY_PROVINCE = {"11", "12", "31", "50", "46", "66"}
NOT_POOLING = {"71", "81", "82"}


def stem(name: str) -> str:
    """The name without its kind: 成都市 → 成都; two-character names keep it (辉县市 is not 辉)."""
    for suffix in SUFFIXES:
        if name.endswith(suffix) and len(name) > len(suffix) + 1:
            return name.removesuffix(suffix)
    for suffix in SHORT_SUFFIXES:
        if name.endswith(suffix) and len(name) > 2:
            return name.removesuffix(suffix)
    return name


def pooled_in(code: str, parent: str) -> str:
    """The code of the pooling region (统筹区) a region belongs to; "" where there is none."""
    province = code[:2]
    if province in NOT_POOLING:
        return ""
    if code.startswith("6590"):
        return "660000"  # cities of the Corps (兵团) are pooled with it, not with Xinjiang
    if province in POOLED_BY_PROVINCE:
        return f"{province}0000"
    if code.endswith("0000"):
        return ""  # a province of several pooling regions
    if code.endswith("00") or parent.endswith("0000"):
        return code  # a prefecture, or a county administered by the province directly
    return parent


def main() -> None:
    source = Path(sys.argv[1])
    target = Path(__file__).parents[1] / "src/yikatong/data/regions.csv"
    with source.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["code", "name", "kind", "parent", "pinyin", "initials", "english", "pooled_in"]
        )
        for row in rows:
            code, name = row["code"], row["name"]
            parent = row["parent"]
            short = stem(name)
            pinyin = "".join(lazy_pinyin(short)).replace("ü", "v")
            initials = "".join(lazy_pinyin(short, style=Style.FIRST_LETTER))
            english = ENGLISH.get(code, pinyin.replace("v", "ü").capitalize())
            writer.writerow(
                [
                    code,
                    name,
                    row["kind"],
                    parent,
                    pinyin,
                    initials,
                    english,
                    pooled_in(code, parent),
                ]
            )


if __name__ == "__main__":
    main()
