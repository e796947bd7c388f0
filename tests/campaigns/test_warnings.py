"""What the writer of a text should know: each caution at its cause, and repairs that mend only what they say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.composing import segments, templating, warnings
from campaigns.composing.warnings import Caution, Sampled, Setting

ADVERTISING = Setting("لغو11", is_advertising=True)
BARE = Setting("", is_advertising=True)
REPAIRED = [
    ("كتاب علي", "arabic", "کتاب علی"),
    ("{شهري|علي}", "arabic", "{شهري|علی}"),
    ("قیمت ٢٥٠", "arabic", "قیمت ۲۵۰"),
    ("\N{CYRILLIC CAPITAL LETTER ES}ode 12", "alike", "Code 12"),
    ("It’s “new” – see…", "encoding", 'It\'s "new" - see...'),
    ("Hello\u200cthere", "encoding", "Hellothere"),
    ("Hello 🙂", "encoding", None),
    ("۲۰ درصد تا 30 آبان", "digits", "۲۰ درصد تا ۳۰ آبان"),
    ("2۰ درصد", "digits", "۲۰ درصد"),
    ("۲۰ درصد، 30% با {code1}", "digits", "۲۰ درصد، ۳۰% با {code1}"),
    ("ببین https://x.ir/aاینجا", "link_runs_on", "ببین https://x.ir/a اینجا"),
    ("ببینwww.x.ir/a، و", "link_runs_on", "ببین www.x.ir/a ، و"),
    ("ببین https://x.ir/a.", "link", None),
    ("ببین shop.ir/a", "link", None),
    ("ببین (https://bit.ly/a)", "short_link", None),
    (" سلام\n", "spaces", "سلام"),
]
FINE = [
    "سلام 🙂 و نیم\u200cفاصله",
    "Hello there",
    "کد PAIZ40 با ۴۰٪ تخفیف",
    "تا ۳۰ آبان، تلفن 02188776655",
    "ساعت 18:30 یا 1.5",
    "info@shop.ir",
    "سلام {first_name|مشتری}",
    "Мы открылись",
]


def codes(text: str, setting: Setting = Setting(), sample: list[Sampled] | None = None) -> list[str]:  # noqa: B008
    return [caution.code for caution in warnings.cautions(text, setting, sample or [])]


def found(text: str, code: str, setting: Setting, sample: list[Sampled] | None = None) -> Caution:
    (caution,) = [each for each in warnings.cautions(text, setting, sample or []) if each.code == code]
    return caution


def sampled(text: str, *names: str) -> list[Sampled]:
    """A sample of recipients with these first names."""
    template = templating.parse(text)
    values = [{"first_name": name} for name in names]
    return [Sampled(each, segments.count(template.render(each))) for each in values]


@pytest.mark.parametrize(("text", "code", "repaired"), REPAIRED)
def test_a_caution_comes_with_the_repair_that_is_safe(text: str, code: str, repaired: str | None) -> None:
    assert found(text, code, Setting()).repaired == repaired


@pytest.mark.parametrize("text", FINE)
def test_nothing_is_said_of_a_text_that_is_well(text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "shown", "now", "without"),
    [
        ("a" * 100 + "🙂", ["🙂"], 2, 1),
        ("a" * 69 + "’", ["’"], 1, 1),
        ("a" * 159 + "’", ["’"], 3, 1),
    ],
)
def test_a_character_that_changes_the_encoding_is_named_with_what_it_costs(
    text: str, shown: list[str], now: int, without: int
) -> None:
    caution = found(text, "encoding", Setting())
    assert (caution.shown, caution.number, caution.of) == (shown, now, without)


@pytest.mark.parametrize(
    ("text", "setting", "said"),
    [
        ("سلام", BARE, ["no_opt_out"]),
        ("سلام لغو11", BARE, []),
        ("سلام", ADVERTISING, []),
        ("سلام", Setting("لغو11"), []),
        ("سلام لغو ۱۱", ADVERTISING, ["suffix_written"]),
        ("لغو11 سلام", ADVERTISING, ["suffix_twice"]),
        ("Hello", ADVERTISING, ["suffix_encoding"]),
        ("Hello STOP", Setting("STOP", is_advertising=True), ["suffix_written"]),
        ("Hello", Setting("STOP", is_advertising=True), []),
    ],
)
def test_the_way_to_opt_out_is_there_once(text: str, setting: Setting, said: list[str]) -> None:
    assert codes(text, setting) == said


def test_names_that_cost_one_more_part_are_counted() -> None:
    text = "س" * 62 + "{first_name}"
    caution = found(text, "long_value", Setting(), sampled(text, "سارا", "رضا", "محمدابراهیم", "هما"))
    assert (caution.shown, caution.number, caution.of) == (["محمدابراهیم"], 1, 4)
    assert "long_value" not in codes(text, sample=sampled(text, "سارا", "رضا"))


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        ("سلام {first_name}", ("سارا", ""), ["blank"]),
        ("سلام {first_name|دوست}", ("سارا", ""), ["often_blank"]),
        ("سلام {first_name|دوست}", ("سارا",) * 5 + ("",), []),
        ("Dear {first_name|friend}", ("Sara", "سارا"), ["value_encoding"]),
        ("Dear {first_name}", ("Sara", "Omid"), []),
    ],
)
def test_what_the_recipients_own_words_do_to_a_text(text: str, names: tuple[str, ...], said: list[str]) -> None:
    assert codes(text, sample=sampled(text, *names)) == said


def test_a_text_of_many_parts_is_told() -> None:
    assert found("س" * 250, "long", Setting()).number == 4
    assert codes("س" * 200) == []


TEXTS = st.text(alphabet="aZС’🙂ي٢1۱ \n.،/{}|\u200cسلغو", max_size=60) | st.sampled_from([case[0] for case in REPAIRED])


@given(TEXTS)
def test_a_repair_settles_what_it_is_offered_for_and_leaves_the_placeholders_alone(text: str) -> None:
    try:
        before = templating.parse(text).names
    except templating.TemplateError:
        return
    for caution in warnings.cautions(text, ADVERTISING):
        if caution.repaired is None:
            continue
        assert templating.parse(caution.repaired).names == before
        if caution.code != "encoding":  # an emoji stays: nobody can tell what to put there
            assert caution.code not in codes(caution.repaired, ADVERTISING)
