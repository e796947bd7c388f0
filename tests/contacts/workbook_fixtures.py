"""The workbooks among the hostile files, made by hand: ``python -m tests.contacts.workbook_fixtures`` writes them."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

from tests.workbooks import MAIN, RELATED, book, relations, row, sheet, zipped

FOLDER = Path(__file__).parent / "fixtures"
HEAD = row(1, "موبایل", "نام")
SARA = row(2, "09121234567", "سارا")
ALI = row(3, "09351234567", "علی")
GOOD = HEAD + SARA + ALI
TITLED = row(1, "فهرست مشتریان") + row(2, "موبایل", "نام") + row(3, "09121234567", "سارا")
MERGED = '<mergeCells count="1"><mergeCell ref="A1:B1"/></mergeCells>'
PREFIXED = (
    f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData><x:row r="1"><x:c r="A1" t="str"><x:v>موبایل</x:v></x:c></x:row>'
    '<x:row r="2"><x:c r="A2"><x:v>9121234567</x:v></x:c></x:row></x:sheetData></x:worksheet>'
)
ROOTED = f'<Relationship Id="a" Type="{RELATED}/officeDocument" Target="/xl/workbook.xml"/>'
DATES = '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
FORMATS = (
    '<numFmts><numFmt numFmtId="164" formatCode="00000000000"/>'
    '<numFmt numFmtId="165" formatCode="[$-3000401]yyyy/mm/dd"/></numFmts>'
    '<cellXfs><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
)
TWO = '<sheet name="یک" sheetId="1" r:id="rId1" {}/><sheet name="دو" sheetId="2" r:id="rId2"/>'
SECOND = "xl/worksheets/sheet2.xml"
FIRST = "xl/worksheets/sheet1.xml"
LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


def number(place: str, value: str, style: str = "") -> str:
    return f'<c r="{place}"{style}><v>{value}</v></c>'


TAKEN = {
    "plain": book(GOOD),
    "shared_texts": book(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="2"><c r="A2" t="s"><v>2</v></c><c r="B2" t="s"><v>3</v></c></row>',
        strings="<si><t>موبايل</t></si><si><t>نام</t></si><si><t>۰۹۱۲۱۲۳۴۵۶۷</t></si><si><t>علي كريمي</t></si>",
    ),
    "numbers": book(HEAD + row(2, number("A2", "9121234567"), "سارا") + row(3, number("A3", "989351234567"), "علی")),
    "numbers_with_exponents": book(HEAD + row(2, number("A2", "9.121234567E9")) + row(3, number("A3", "9351234567.0"))),
    "numbers_whose_digits_are_lost": book(
        HEAD + SARA + row(3, number("A3", "9.1212345678901234E+21")) + row(4, "9.12E+09")
    ),
    "numbers_with_zeros_in_front": book(HEAD + row(2, number("A2", "9121234567", ' s="1"')), formats=FORMATS),
    "rich_texts": book(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr">'
        "<is><r><t>نا</t></r><r><t>م</t></r></is></c></row>"
        '<row r="2"><c r="A2" t="s"><v>1</v></c></row>',
        strings="<si><r><rPr><b/></rPr><t>موبا</t></r><r><t>یل</t></r></si>"
        "<si><r><t>0912</t></r><r><t>1234567</t></r><rPh sb='0' eb='1'><t>99</t></rPh></si>",
    ),
    "formulas": book(
        HEAD
        + row(2, '<c r="A2" t="str"><f>"0"&amp;B2</f><v>09121234567</v></c>', '<c r="B2"><f>1+1</f><v>2</v></c>')
        + row(3, '<c r="A3"><f>B3</f></c>', "بی‌نتیجه")
    ),
    "formulas_as_texts": book(HEAD + row(2, "09121234567", "=1+1") + row(3, "+98 935 123 4567", "@SUM(A1)")),
    "errors_and_truths": book(
        HEAD
        + row(2, "09121234567", '<c r="B2" t="e"><v>#N/A</v></c>')
        + row(3, '<c r="A3" t="e"><v>#REF!</v></c>', "x")
        + row(4, '<c r="A4" t="b"><v>1</v></c>', "y")
    ),
    "dates_in_the_phone_column": book(HEAD + SARA + row(3, number("A3", "45371", ' s="1"'), "x"), formats=DATES),
    "persian_dates": book(HEAD + SARA + row(3, number("A3", "45371.5", ' s="2"'), "x"), formats=FORMATS),
    "dates_since_1904": book(
        HEAD + SARA + row(3, number("A3", "43909", ' s="1"'), "x"), formats=DATES, settings='<workbookPr date1904="1"/>'
    ),
    "merged_title": book("", more={FIRST: sheet(TITLED).replace("</sheetData>", f"</sheetData>{MERGED}")}),
    "merged_cities": book(row(1, "موبایل", "شهر") + row(2, "09121234567", "تهران") + row(3, "09351234567", "")),
    "gaps": book(
        '<row r="3"><c r="C3" t="str"><v>نام</v></c><c r="E3" t="str"><v>موبایل</v></c></row>'
        '<row r="7"><c r="E7"><v>9121234567</v></c></row><row r="8"/><row r="9"><c r="C9" s="1"/></row>'
    ),
    "no_places": book(
        '<row><c t="str"><v>موبایل</v></c><c t="str"><v>نام</v></c></row><row><c><v>9121234567</v></c></row>'
    ),
    "hidden_sheet_first": book(
        row(1, "x") + row(2, "y"), sheets=TWO.format('state="hidden"'), more={SECOND: sheet(GOOD)}
    ),
    "very_hidden_sheet_first": book(GOOD, sheets=TWO.format('state="veryHidden"'), more={SECOND: sheet(HEAD + SARA)}),
    "empty_sheet_first": book('<row r="1"><c r="A1"/></row>', sheets=TWO.format(""), more={SECOND: sheet(GOOD)}),
    "chart_first": book(
        GOOD,
        sheets='<sheet name="c" sheetId="3" r:id="rId3"/><sheet name="d" sheetId="1" r:id="rId1"/>',
        more={"xl/chartsheets/sheet1.xml": f'<chartsheet xmlns="{MAIN}"/>'},
    ),
    "hidden_rows_count": book(HEAD + SARA + ALI.replace('r="3">', 'r="3" hidden="1">', 1)),
    "no_header": book(row(1, "09121234567", "سارا") + row(2, "09351234567", "علی")),
    "cell_beyond_the_table": book(
        HEAD + "".join(row(line, f"0912{line:07d}", "x") for line in range(2, 102)) + row(102, "09351234567", "x", "y")
    ),
    "repeated": book(HEAD + SARA + row(3, number("A3", "9121234567")) + row(4, "+98 912 123 4567")),
    "absolute_target": book(GOOD, more={"_rels/.rels": relations(ROOTED)}),
    "prefixed": book("", more={FIRST: PREFIXED}),
    "utf16": book("", more={FIRST: sheet(GOOD).replace("UTF-8", "UTF-16").encode("utf-16")}),
    "comment_with_rows": book(HEAD + f"<!-- {row(2, '09001234567')} -->" + row(3, "09121234567")),
    "cdata": book(HEAD + row(2, '<c r="A2" t="str"><v><![CDATA[09121234567]]></v></c>', "a&lt;b&gt; &amp;&#x6A9;")),
    "other_quotes": book(
        "<row r='1'><c r='A1' t='str'><v>موبایل</v></c></row><row r='2'><c r='A2'><v>9121234567</v></c></row>"
    ),
    "escaped_controls": book(HEAD + row(2, "09121234567_x000D_", "سا_x0000__x0007_را")),
    "spaces_only": book(HEAD + row(2, "   ", " ") + row(3, "09121234567", "سارا")),
    "emoji": book(HEAD + row(2, "09121234567", "سارا 🌷")),
    "external_link": book(
        GOOD,
        more={
            "xl/_rels/workbook.xml.rels": relations(
                f'<Relationship Id="rId1" Type="{RELATED}/worksheet" Target="worksheets/sheet1.xml"/>'
                f'<Relationship Id="rId2" Type="{RELATED}/worksheet" TargetMode="External" Target="http://127.0.0.1:9/x"/>'
            )
        },
    ),
}
REFUSED = {
    "only_header": book(HEAD),
    "empty": book(""),
    "only_hidden": book(GOOD, sheets='<sheet name="a" sheetId="1" state="hidden" r:id="rId1"/>'),
    "too_many_columns": book(
        '<row r="1">' + "".join(f'<c t="str"><v>c{column}</v></c>' for column in range(201)) + "</row>" + SARA
    ),
    "far_cell": book(HEAD + row(2, "09121234567", '<c r="XFD2" t="str"><v>x</v></c>')),
    "no_phone": book(row(1, "نام", "شهر") + row(2, "سارا", "تهران")),
    "entities": book("", more={FIRST: LAUGHS + sheet(GOOD).partition("\n")[2].replace("سارا", "&b;")}),
    "entity_of_a_file": book("", more={"xl/workbook.xml": f'{OUTSIDE}<workbook xmlns="{MAIN}">&a;</workbook>'}),
    "path_out_of_the_archive": book(
        GOOD,
        more={
            "xl/_rels/workbook.xml.rels": relations(
                f'<Relationship Id="rId1" Type="{RELATED}/worksheet" Target="../../../../etc/passwd"/>'
            )
        },
    ),
    "text_that_is_not_there": book(HEAD + '<row r="2"><c r="A2" t="s"><v>7</v></c></row>'),
    "broken_xml": book(HEAD + SARA + "<row><c></row>"),
    "nul": book(HEAD + row(2, "0912\x001234567")),
    "bad_utf8": book("", more={FIRST: sheet(GOOD).encode().replace("سارا".encode(), b"\xff\xfe")}),
    "no_sheet": {name: part for name, part in book(GOOD).items() if name != FIRST},
    "no_workbook": {name: part for name, part in book(GOOD).items() if name != "xl/workbook.xml"},
}
OTHERS: dict[str, dict[str, Any]] = {
    "binary_workbook.xlsb": {"[Content_Types].xml": "<Types/>", "xl/workbook.bin": b"\x83\x01\0"},
    "open_document.ods": {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": "<x/>"},
    "apple.numbers": {"Index/Document.iwa": b"\0\x01", "Index/Metadata.iwa": b"\0"},
    "letter.docx": {"[Content_Types].xml": "<Types/>", "word/document.xml": "<x/>"},
    "zipped.zip": {"customers.csv": "phone\n09121234567\n"},
    "macros.xlsm": book(GOOD, more={"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"}),
    "workbook_named.csv": book(GOOD),
}


def protected() -> bytes:
    """What Excel saves under a password: an OLE file with the archive in a stream of this name."""
    entry = "EncryptedPackage".encode("utf-16-le").ljust(64, b"\0") + struct.pack("<H", 34)
    return (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + entry).ljust(1024, b"\0")


def spoiled(path: Path) -> None:
    """Four that cannot be made as archives: cut short, with a wrong checksum, locked, and a sheet of rubbish."""
    whole = zipped(path / "plain.xlsx", TAKEN["plain"]).read_bytes()
    (path / "cut_short.xlsx").write_bytes(whole[: len(whole) // 2])
    directory = bytearray(whole)
    with zipfile.ZipFile(path / "plain.xlsx") as archive:
        offset = archive.getinfo(FIRST).header_offset + 30 + len(FIRST)
        directory[offset + 5] ^= 0xFF
    (path / "rubbish_inside.xlsx").write_bytes(directory)
    locked = bytearray(whole)
    at = locked.find(b"PK\x01\x02")
    locked[at + 8] |= 1
    (path / "locked_members.xlsx").write_bytes(locked)
    (path / "password.xlsx").write_bytes(protected())
    (path / "text_named.xlsx").write_text("موبایل,نام\n09121234567,سارا\n", encoding="utf-8")


def write(path: Path) -> None:
    for name, parts in (TAKEN | REFUSED).items():
        zipped(path / f"{name}.xlsx", parts)
    for name, parts in OTHERS.items():
        zipped(path / name, parts)
    spoiled(path)


if __name__ == "__main__":
    write(FOLDER)
