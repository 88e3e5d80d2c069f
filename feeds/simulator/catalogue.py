"""The catalogue and its truth: SKUs, base demand, life cycles, suppliers, planted pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feeds.simulator.assortment import ADJECTIVES, BRANDS, CATEGORIES, VARIANTS
from feeds.simulator.geography import PRICE_LIST_FACTOR
from feeds.simulator.names import SUPPLIER_COUNTRIES
from feeds.simulator.params import SimulationParams
from feeds.simulator.streams import Array, stream

DEMAND_CLASSES = ("smooth", "intermittent", "lumpy")
SMOOTH, INTERMITTENT, LUMPY = range(3)
FOREVER = 1_000_000  # the retirement day of what is not retired
ATTACH_RATIO = 0.40  # a buyer of the first SKU of a complement takes the second
ATTACH_BACK_RATIO = 0.12
LUMPY_UNITS, USUAL_UNITS = 7.0, 1.25  # mean units of a line
LINES_PER_BASKET = 1.75  # what a seed line brings along, roughly; purchasing rules start from it


@dataclass(frozen=True)
class Catalogue:
    """Everything about SKUs that is settled before the first day; arrays have one element a SKU.

    ``base_rate`` is the expected number of baskets a day that start with the SKU, without seasons.
    ``partner`` is the complement bought along (-1: none), ``rival`` the substitute.
    """

    n: int
    category: Array
    product: Array
    brand: Array  # index into the brands of the category's root
    title_de: tuple[str, ...]
    title_en: tuple[str, ...]
    title_zh: tuple[str, ...]
    demand_class: Array
    base_rate: Array
    mean_units: Array
    elasticity: Array
    price_cents: Array  # EUR, first list price
    cost_cents: Array  # EUR
    weight_kg: Array
    launch_day: Array
    retire_day: Array
    partner: Array
    rival: Array
    partner_ratio: Array
    supplier: Array
    lead_days: Array  # promised by the supplier
    pack_units: Array

    @property
    def listed_day(self) -> Array:
        """The day on which a SKU is announced, bought in and first reported in stock."""
        return np.where(self.launch_day > 0, np.maximum(self.launch_day - 14, 0), 0)

    def brand_name(self, sku: int) -> str:
        """The brand of a SKU."""
        return BRANDS[CATEGORIES[int(self.category[sku])].root][int(self.brand[sku])]


def sku_id(number: int) -> str:
    """The code of a SKU."""
    return f"SKU-{number + 1:05d}"


def charm(cents: Array) -> Array:
    """Prices as shops write them: ending in 9 cents up to 10, in 99 above, at least 0.99."""
    small = np.floor(cents / 10 + 0.5) * 10 - 1
    large = np.floor(cents / 100 + 0.5) * 100 - 1
    return np.maximum(np.where(cents < 1_000, small, large), 99).astype(np.int64)


def price_list(euro_cents: Array) -> Array:
    """Prices in cents by SKU and currency."""
    return np.stack(
        [charm(euro_cents * factor) if factor != 1.0 else euro_cents for factor in PRICE_LIST_FACTOR], 1
    )


def build_catalogue(params: SimulationParams) -> Catalogue:
    """The catalogue of a shop; two SKUs (variants) share a product and its category."""
    n, rng = params.skus, stream(params.seed, "catalogue")
    product = np.arange(n) // 2
    category = product % len(CATEGORIES)
    brand = rng.integers(0, 4, product[-1] + 1)[product]
    demand_class = rng.permutation(np.arange(n) % 20)
    demand_class = np.where(demand_class < 12, SMOOTH, np.where(demand_class < 18, INTERMITTENT, LUMPY))
    mean_units = np.where(demand_class == LUMPY, LUMPY_UNITS, USUAL_UNITS)
    popularity = np.exp(rng.normal(0.0, 0.9, n)) * np.array([1.0, 0.10, 0.03])[demand_class]
    level = np.array([c.price for c in CATEGORIES])[category]
    price = charm(100 * level * np.exp(rng.normal(0.0, 0.35, product[-1] + 1))[product])
    cost_ratio = np.array([c.cost_ratio for c in CATEGORIES])[category] * rng.uniform(0.85, 1.15, n)
    launch, retire = _life_cycles(n, demand_class)
    base = params.order_rate * popularity / popularity.sum()
    partner, rival = _pairs(
        params, demand_class, category, product, base, (launch == 0) & (retire == FOREVER)
    )
    is_first = (partner >= 0) & (partner > np.arange(n))
    supplier, lead = _supply(params, category, product)
    fortnight = base * LINES_PER_BASKET * mean_units * 14
    packs = np.array([1, 2, 6, 12])
    pack = packs[
        np.maximum(np.searchsorted(packs, rng.uniform(0.3, 1.0, n) * fortnight, side="right") - 1, 0)
    ]
    titles = [_titles(int(c), int(b), i) for i, (c, b) in enumerate(zip(category, brand, strict=True))]
    return Catalogue(
        n=n,
        category=category,
        product=product,
        brand=brand,
        title_de=tuple(t[0] for t in titles),
        title_en=tuple(t[1] for t in titles),
        title_zh=tuple(t[2] for t in titles),
        demand_class=demand_class,
        base_rate=base,
        mean_units=mean_units,
        elasticity=rng.uniform(1.2, 3.0, n),
        price_cents=price,
        cost_cents=np.maximum(np.floor(price * cost_ratio / 1.2), 10).astype(np.int64),
        weight_kg=np.round(
            np.array([c.weight_kg for c in CATEGORIES])[category] * rng.uniform(0.8, 1.3, n), 3
        ),
        launch_day=launch,
        retire_day=retire,
        partner=partner,
        rival=rival,
        partner_ratio=np.where(partner < 0, 0.0, np.where(is_first, ATTACH_RATIO, ATTACH_BACK_RATIO)),
        supplier=supplier,
        lead_days=lead,
        pack_units=pack,
    )


def _life_cycles(n: int, demand_class: Array) -> tuple[Array, Array]:
    """Launch and retirement days: a tenth of the SKUs each, spread over a year, the first ones early."""
    launch, retire = np.zeros(n, np.int64), np.full(n, FOREVER)
    group = max(2, n // 10)
    late, early = (
        np.flatnonzero(np.arange(n) % 10 == 3)[:group],
        np.flatnonzero(np.arange(n) % 10 == 8)[:group],
    )
    launch[late] = 15 + np.arange(len(late)) * 360 // len(late)
    retire[early] = 35 + np.arange(len(early)) * 360 // len(early)
    return launch, retire


def _pairs(
    params: SimulationParams,
    demand_class: Array,
    category: Array,
    product: Array,
    base: Array,
    is_lasting: Array,
) -> tuple[Array, Array]:
    """Planted pairs among lasting smooth SKUs: complements across categories, substitutes within one.

    Popular SKUs come first, so that the pairs show in the data of a small shop too.
    """
    wanted = max(3, params.skus // 30)
    partner, rival = np.full(params.skus, -1), np.full(params.skus, -1)
    candidates = np.flatnonzero((demand_class == SMOOTH) & is_lasting)
    free = [int(s) for s in candidates[np.argsort(-base[candidates], kind="stable")]]
    for pairs, is_complement in ((rival, False), (partner, True)):
        made, waiting = 0, list(free)
        while waiting and made < wanted:
            a = waiting.pop(0)
            other = [
                b
                for b in waiting
                if (
                    category[a] != category[b]
                    if is_complement
                    else category[a] == category[b] and product[a] != product[b]
                )
            ]
            if not other:
                continue
            b = other[0]
            waiting.remove(b)
            free = [s for s in free if s not in (a, b)]
            pairs[a], pairs[b] = b, a
            made += 1
    return partner, rival


def _supply(params: SimulationParams, category: Array, product: Array) -> tuple[Array, Array]:
    """Supplier and promised lead time in days of each SKU; both variants of a product share the supplier."""
    rng = stream(params.seed, "supply")
    is_chinese = np.array([c.china_ratio for c in CATEGORIES])[category]
    chosen = rng.random(product[-1] + 1)[product] < is_chinese
    pick = rng.integers(0, 6, product[-1] + 1)[product]
    china = [i for i, c in enumerate(SUPPLIER_COUNTRIES) if c == "CN"]
    near = [i for i, c in enumerate(SUPPLIER_COUNTRIES) if c != "CN"]
    supplier = np.where(chosen, np.array(china)[pick % len(china)], np.array(near)[pick % len(near)])
    lead = np.where(chosen, 24 + 2 * (supplier % 4), 5 + supplier % 5)
    return supplier, lead


def _titles(category: int, brand: int, number: int) -> tuple[str, str, str]:
    leaf = CATEGORIES[category]
    name = BRANDS[leaf.root][brand]
    adjective = ADJECTIVES[(number // 2 * 5) % len(ADJECTIVES)]
    variant = VARIANTS[(number * 7 + number // 4) % len(VARIANTS)]
    return (
        f"{name} {adjective[0]} {leaf.noun_de} {variant[0]}",
        f"{name} {adjective[1]} {leaf.noun_en} {variant[1]}",
        f"{name} {adjective[2]}{leaf.noun_zh} {variant[2]}",
    )


def category_path(category: int) -> str:
    """Categories from the root."""
    leaf = CATEGORIES[category]
    return f"{leaf.root} > {leaf.name}"


def is_perishable(category: int) -> bool:
    """Whether a category spoils within half a year."""
    return 0 < CATEGORIES[category].shelf_life_days <= 180
