"""What the sandbox's IPPanel account holds: lines, phonebooks with their numbers, job categories. The same every time.

Phones are integers of E.164 digits. The ids of the original documents exist: phonebook 123654; in 456987 the numbers
123, 456 and 789; sub-categories 1 and 2 of category 1. Phonebooks overlap, as an office's own lists do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import NamedTuple

MCI, IRANCELL, OTHER = 1, 2, 13
OPERATORS = {MCI: "mci", IRANCELL: "irancell", OTHER: "other"}
PREFIXES = {
    MCI: (912, 919, 910, 913, 918, 917, 990, 991),
    IRANCELL: (935, 936, 937, 901, 902, 939),
    OTHER: (921, 920, 922),
}
_OPERATOR_OF = {prefix: operator for operator, prefixes in PREFIXES.items() for prefix in prefixes}
_STRIDE = 7_368_787  # a prime: numbers look random and never repeat within 10^7
_WOMEN = ("زهرا", "فاطمه", "مریم", "سارا", "نرگس", "الهام", "مهسا", "شیرین", "پریسا", "نازنین", "لیلا", "سمیه", "آیدا")
_MEN = ("علی", "محمد", "رضا", "حسین", "امیر", "مهدی", "سعید", "کیان", "بهنام", "آرش", "پویا", "حمید", "یاسر")
_FAMILIES = (
    "احمدی",
    "محمدی",
    "حسینی",
    "کریمی",
    "رضایی",
    "موسوی",
    "جعفری",
    "صادقی",
    "مرادی",
    "قاسمی",
    "یزدانی",
    "شریفی",
    "نیک‌نام",
    "فرهادی",
    "پورمحمد",
    "شاه‌حسینی",
    "بهرامی",
)


class Line(NamedTuple):
    """A line; ``operator`` is IPPanel's id of the company behind it."""

    id: int
    number: str
    alias: str | None
    operator: int
    short_parts: int


class Number(NamedTuple):
    """A number of a phonebook."""

    id: int
    phone: int
    title: str
    name: str


class Phonebook(NamedTuple):
    """A phonebook: numbers ``first`` to ``first + size`` of the account's people, some under ids of their own."""

    id: int
    title: str
    first: int
    size: int
    ids: Sequence[int] = ()


class Category(NamedTuple):
    """A sub-category of a main one, with how many numbers each operator has in it."""

    id: int
    main: int
    name: str
    counts: Mapping[int, int]


LINES = (
    Line(10001, "+983000505", "خط تبلیغاتی", 3, 0),
    Line(10002, "+9850002040", "خط اطلاع‌رسانی", 5, 1),
    Line(10003, "+98PRO", "ارسال به مشاغل", 1, 0),
    Line(10004, "+98BANK", None, 1, 0),
)
PHONEBOOKS = (
    Phonebook(123654, "مشتریان ویژه", 0, 340),
    Phonebook(456987, "شرکت‌کنندگان همایش پاییز", 300, 48, (123, 456, 789)),  # the first 40 are among the former
    Phonebook(838550, "همه مشتریان", 100, 1_250),
    Phonebook(860108, "نمایندگان استان‌ها", 5_000, 62),
    Phonebook(870001, "فهرست تازه", 0, 0),
)
MAINS = {
    1: "صنایع و اصناف",
    2: "املاک، خودرو و حمل‌ونقل",
    3: "رستوران و صنعت غذا",
    8: "سلامت و زیبایی",
}
CATEGORIES = (
    Category(1, 1, "اصناف", {MCI: 4_820, IRANCELL: 3_380, OTHER: 120}),
    Category(2, 1, "کارگاه‌های تولیدی", {MCI: 2_150, IRANCELL: 1_452, OTHER: 640}),
    Category(3, 1, "شرکت‌های بازرگانی", {MCI: 910, IRANCELL: 377, OTHER: 0}),
    Category(4, 2, "مشاوران املاک", {MCI: 1_730, IRANCELL: 860, OTHER: 95}),
    Category(5, 2, "نمایشگاه‌های خودرو", {MCI: 640, IRANCELL: 310, OTHER: 22}),
    Category(6, 3, "رستوران‌ها", {MCI: 1_240, IRANCELL: 905, OTHER: 71}),
    Category(7, 3, "قنادی‌ها و نانوایی‌ها", {MCI: 830, IRANCELL: 412, OTHER: 38}),
    Category(8, 3, "تهیه غذا", {MCI: 290, IRANCELL: 164, OTHER: 9}),
    Category(9, 8, "پزشکان", {MCI: 2_060, IRANCELL: 540, OTHER: 14}),
    Category(10, 8, "داروخانه‌ها", {MCI: 480, IRANCELL: 133, OTHER: 6}),
    Category(11, 8, "آرایشگاه‌ها", {MCI: 1_910, IRANCELL: 1_688, OTHER: 203}),
    Category(12, 8, "عینک‌فروشی‌ها", {MCI: 175, IRANCELL: 92, OTHER: 0}),
)
BOOKS = {book.id: book for book in PHONEBOOKS}


@cache
def numbers_of(phonebook: int) -> tuple[Number, ...]:
    """The numbers of a phonebook, in the order of its list."""
    book = BOOKS[phonebook]
    given = dict(enumerate(book.ids))
    ids = (given.get(place, 10_000 * phonebook + place) for place in range(book.size))
    return tuple(_person(number_id, book.first + place) for place, number_id in enumerate(ids))


def phones_of(category: Category, operator: int) -> list[int]:
    """An operator's numbers in a job category, in the order that ``start`` and ``size`` count."""
    first = 100_000 * category.id
    return [_phone(operator, first + place) for place in range(category.counts[operator])]


def categories_of(main: int, sub: int | None = None) -> list[Category]:
    """The sub-categories of a main one, or the one that is named; empty where there is none."""
    return [each for each in CATEGORIES if each.main == main and sub in (None, each.id)]


def operator_of(phone: int) -> int:
    """The operator that a phone's prefix belongs to."""
    return _OPERATOR_OF.get(phone // 10**7 % 1000, OTHER)


def once(phones: Iterable[int]) -> list[int]:
    """Each phone once, where it stood first."""
    return list(dict.fromkeys(phones))


def _person(number_id: int, index: int) -> Number:
    operator = (MCI, IRANCELL, MCI, IRANCELL, MCI, OTHER)[index % 6]
    woman = index % 5 in (0, 2)
    names = _WOMEN if woman else _MEN
    name = f"{names[index * 7 % len(names)]} {_FAMILIES[index * 11 % len(_FAMILIES)]}"
    return Number(number_id, _phone(operator, index), "خانم" if woman else "آقای", name)


def _phone(operator: int, index: int) -> int:
    prefixes = PREFIXES[operator]
    line = (index * _STRIDE + 1_234_567) % 10**7
    return (98 * 1000 + prefixes[index % len(prefixes)]) * 10**7 + line
