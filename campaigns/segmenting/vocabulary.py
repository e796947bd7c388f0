"""What a condition can ask: the fields, the tests of each, and the kind of value that a test takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from campaigns.states import OUTCOMES

# The kinds of values.
NOTHING: Final = "nothing"
TEXT: Final = "text"
TEXTS: Final = "texts"  # a list of them
NUMBER: Final = "number"  # a text such as -12.5
PREFIX: Final = "prefix"  # the beginning of a number in E.164
DAYS: Final = "days"
SOON: Final = "soon"  # days ahead; 0 is today
DATES: Final = "dates"  # the first and the last day, ISO, each empty or not
OPERATORS: Final = "operators"  # lists of ids from here on
CATEGORIES: Final = "categories"
PHONEBOOKS: Final = "phonebooks"
CAMPAIGN: Final = "campaign"  # an id

_TEXT_TESTS: Final = {"is": TEXT, "is_not": TEXT, "contains": TEXT, "begins": TEXT, "one_of": TEXTS}
_FILLED: Final = {"filled": NOTHING, "blank": NOTHING}
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "first_name": _TEXT_TESTS | _FILLED,
    "last_name": _TEXT_TESTS | _FILLED,
    "phone": {"begins": PREFIX},
    "attribute": _TEXT_TESTS | _FILLED | {"more": NUMBER, "less": NUMBER, "birthday": SOON},
    "operator": {"one_of": OPERATORS, "none_of": OPERATORS},
    "job_category": {"one_of": CATEGORIES, "none_of": CATEGORIES} | _FILLED,
    "phonebook": {"one_of": PHONEBOOKS, "none_of": PHONEBOOKS},
    "added": {"within": DAYS, "before": DAYS, "between": DATES},
    "bale": {"absent": NOTHING, "not_absent": NOTHING},
    "last_message": {"within": DAYS, "delivered_within": DAYS, "none_within": DAYS, "never": NOTHING},
    "campaign": {"received": CAMPAIGN, **dict.fromkeys(OUTCOMES, CAMPAIGN), "not_received": CAMPAIGN},
}
LISTS: Final = frozenset({OPERATORS, CATEGORIES, PHONEBOOKS})  # of ids
