"""Templates, and the promise that the database renders what the preview showed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.composing import templating
from campaigns.composing.templating import Placeholder, TemplateError, parse
from contacts.models import Contact


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("سلام", ["سلام"]),
        ("", []),
        ("{first_name}", [Placeholder("first_name", "")]),
        ("{ first_name | مشتری }!", [Placeholder("first_name", "مشتری"), "!"]),
        ("{نام}", [Placeholder("نام", "")]),
        ("{{a}}", ["{a}"]),
        ("{{{first_name}}}", ["{", Placeholder("first_name", ""), "}"]),
        ("{x|a|b}", [Placeholder("x", "a|b")]),
        ("{x|}", [Placeholder("x", "")]),
    ],
)
def test_a_text_is_read_into_parts(text: str, parts: list[object]) -> None:
    assert parse(text).parts == parts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "brace"),
        ("a}b", "brace"),
        ("{a{b}}", "brace"),
        ("{}", "name"),
        ("{1a}", "name"),
        ("{a b}", "name"),
        ("{a.b}", "name"),
        ("{a[0]}", "name"),
        ("{__class__.x}", "name"),
        ("{a|{b}", "brace"),
    ],
)
def test_what_is_no_placeholder_is_an_error(text: str, code: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(text)
    assert caught.value.code == code


def test_a_blank_value_gives_way_to_the_fallback() -> None:
    template = parse("{first_name|دوست} {city}")
    assert template.render({"first_name": "", "city": "قم"}) == "دوست قم"
    assert template.render({"first_name": "رضا"}) == "رضا "
    assert (template.names, template.literal) == (["first_name", "city"], "دوست ")


@given(st.text())
def test_doubled_braces_say_any_text_as_it_is(text: str) -> None:
    assert parse(text.replace("{", "{{").replace("}", "}}")).render({}) == text


# A NUL and half a surrogate pair enter no database; the import refuses them.
words = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
blanks = st.sampled_from(["", " ", "  ", "\t", "\u200c", "\xa0", "'; --", '"', "%s", "%", "\\", "{x}", "null", "NULL"])
values = words | blanks | st.builds("{} {} ".format, blanks, words)
scalars = values | st.integers(-(10**15), 10**15) | st.booleans() | st.none()
KEYS = ["city", "شهر", "c_1", "نام"]


@pytest.mark.django_db
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    first=values,
    last=values,
    attributes=st.dictionaries(st.sampled_from(KEYS), scalars),
    before=values,
    fallback=st.sampled_from(["", "مشتری", "دوست ما", "%s", "'"]),
)
def test_the_database_renders_what_the_preview_shows(
    first: str, last: str, attributes: dict[str, object], before: str, fallback: str
) -> None:
    Contact.objects.all().delete()
    Contact.objects.create(phone="+989120000000", first_name=first, last_name=last, attributes=attributes)
    names = ["first_name", "last_name", "full_name", *KEYS]
    literal = before.replace("{", "{{").replace("}", "}}")
    template = parse(literal + "|".join(f"{{{name}|{fallback}}}" for name in names))
    contact = Contact.objects.annotate(rendered=template.expression()).get()
    assert vars(contact)["rendered"] == template.render(templating.values_of(contact))
