"""Words of the made-up shop: categories with their seasons, brands, names, searches. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Category:
    """A leaf category: names in three languages, price level, season and supply.

    ``season_peak`` is a day of the year, ``season_swing`` the relative height of the peak; ``weekend`` tilts
    the week; ``shelf_life_days`` is 0 for what does not spoil; ``is_consumable`` marks what people buy again.
    """

    category_id: str
    root: str
    name: str
    noun_de: str
    noun_en: str
    noun_zh: str
    price: float
    cost_ratio: float
    weight_kg: float
    season_swing: float
    season_peak: int
    weekend: float
    shelf_life_days: int
    is_consumable: bool
    china_ratio: float


CATEGORIES = (
    Category(
        "C01", "Kitchen", "Mugs", "Becher", "mug", "马克杯", 14, 0.35, 0.35, 0.15, 340, 0.10, 0, False, 0.8
    ),
    Category(
        "C02",
        "Kitchen",
        "Cookware",
        "Pfanne",
        "pan",
        "平底锅",
        45,
        0.45,
        1.40,
        0.10,
        330,
        0.05,
        0,
        False,
        0.5,
    ),
    Category("C03", "Food", "Tea", "Tee", "tea", "茶叶", 11, 0.40, 0.15, 0.35, 10, 0.00, 365, True, 0.6),
    Category(
        "C04",
        "Food",
        "Snacks",
        "Knabbermix",
        "snack mix",
        "零食",
        6,
        0.50,
        0.25,
        0.10,
        180,
        0.10,
        120,
        True,
        0.2,
    ),
    Category(
        "C05",
        "Electronics",
        "Headphones",
        "Kopfhörer",
        "headphones",
        "耳机",
        79,
        0.55,
        0.30,
        0.15,
        345,
        0.05,
        0,
        False,
        0.9,
    ),
    Category(
        "C06",
        "Electronics",
        "Chargers",
        "Ladegerät",
        "charger",
        "充电器",
        24,
        0.40,
        0.15,
        0.05,
        200,
        -0.05,
        0,
        False,
        0.9,
    ),
    Category(
        "C07",
        "Electronics",
        "Phone cases",
        "Handyhülle",
        "phone case",
        "手机壳",
        17,
        0.25,
        0.06,
        0.05,
        260,
        0.00,
        0,
        False,
        0.9,
    ),
    Category(
        "C08", "Fashion", "Shirts", "Hemd", "shirt", "衬衫", 32, 0.40, 0.25, 0.35, 170, 0.15, 0, False, 0.4
    ),
    Category(
        "C09", "Fashion", "Scarves", "Schal", "scarf", "围巾", 26, 0.35, 0.20, 0.70, 350, 0.10, 0, False, 0.4
    ),
    Category(
        "C10", "Fashion", "Shoes", "Schuh", "shoe", "鞋子", 68, 0.50, 0.90, 0.20, 110, 0.15, 0, False, 0.4
    ),
    Category(
        "C11",
        "Beauty",
        "Skin care",
        "Hautcreme",
        "skin cream",
        "护肤霜",
        21,
        0.35,
        0.12,
        0.20,
        20,
        -0.05,
        540,
        True,
        0.1,
    ),
    Category(
        "C12",
        "Beauty",
        "Hair care",
        "Shampoo",
        "shampoo",
        "洗发水",
        9,
        0.40,
        0.40,
        0.05,
        200,
        -0.05,
        720,
        True,
        0.1,
    ),
)

ROOTS = ("Kitchen", "Food", "Electronics", "Fashion", "Beauty")
ROOTS_ZH = ("厨房", "食品", "电子", "服饰", "美妆")

BRANDS = {
    "Kitchen": ("Hearthline", "Nordkeram", "青瓷坊", "Brasserie & Co"),
    "Food": ("Leafwell", "武夷山茶社", "Knuspergut", "Good Pantry"),
    "Electronics": ("Sonar", "Voltaic", "小鹿科技", "Klangwerk"),
    "Fashion": ("Lindqvist", "Atelier Sud", "云裳", "Harbour Row"),
    "Beauty": ("Dermaluna", "Pure Botanics", "百草集", "Seifenhaus"),
}

# (German, English, Chinese)
ADJECTIVES = (
    ("Klassik", "Classic", "经典"),
    ("Reise", "Travel", "旅行"),
    ("Premium", "Premium", "高级"),
    ("Mini", "Mini", "迷你"),
    ("Natur", "Natural", "天然"),
    ("Studio", "Studio", "工作室"),
    ("Sommer", "Summer", "夏日"),
    ("Winter", "Winter", "冬季"),
)
VARIANTS = (
    ("blau", "blue", "蓝色"),
    ("rot", "red", "红色"),
    ("weiß, matt", "white, matt", "白色"),
    ('groß (12")', 'large (12")', "大号"),
    ("klein", "small", "小号"),
    ("Set, 2 Stück", "set, 2 pieces", "两件装"),
)

FRUITLESS_SEARCHES = (
    "flux capacitor",
    "staubsaugerbeutel xl",
    "iphone 19",
    "kaffeemaschiene",
    "电动牙刷",
    "gutschein",
)
