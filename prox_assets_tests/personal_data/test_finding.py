"""E-mail addresses, public IP addresses and phone numbers are found, and what only looks like them is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prox_assets.personal_data import KINDS, find, replaced


def found(text: str, *kinds: str) -> list[str]:
    return [text[one.start : one.end] for one in find(text, kinds or KINDS)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Write to jane.doe+news@mail.my-shop.co.uk.", "jane.doe+news@mail.my-shop.co.uk"),
        ("Kontakt:o'neill_5@uni-bonn.de, Zimmer 3", "o'neill_5@uni-bonn.de"),
        ("mailto:info@site.museum?subject=x", "info@site.museum"),
        ("<a@bb.io>", "a@bb.io"),
        ("联系foo@bar.cn邮箱", "foo@bar.cn"),
        ("Ask me@site.com.It is easy.", "me@site.com"),
        ("Call (555) 981-6893info@gym.com", "info@gym.com"),
        ("Call +1 216 981 6893info@gym.com", "info@gym.com"),
    ],
)
def test_an_email_address(text, address):
    assert found(text, "email") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "logo@2x.png and sprite@home.svg",
        "getty@tty1.service",
        "git@github.com:owner/name.git",
        "me@example.com, you@mail.example.org, it@host.example",
        "worker@e.com",
        "@handle on medium.com/@handle, and me@home",
        "someone@lemmy.world",
        "pip install name@1.2.3",
        "a@b@c.com",
        "x" * 200 + "@",
    ],
)
def test_no_email_address(text):
    assert found(text, "email") == []


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Not logged in - 188.102.30.236 - Talk", "188.102.30.236"),
        ("the address 5.9.12.13 was blocked", "5.9.12.13"),
        ("ping 93.184.216.34.", "93.184.216.34"),
        ("allow 93.184.216.0/24 only", "93.184.216.0"),
        ("from 2a02:8109:9a40::1f2e, yesterday", "2a02:8109:9a40::1f2e"),
        ("[2600:1f18:24e6:b900:1:2:3:4]", "2600:1f18:24e6:b900:1:2:3:4"),
    ],
)
def test_a_public_ip_address(text, address):
    assert found(text, "ip_address") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "version 101.2.33.4, v.200.1.2.3 and Chrome/120.0.6099.109",
        "Stinger 12.2.0.79 and section 4.3.2.1 of the standard",
        "10.0.0.1 172.16.3.4 192.168.178.20 127.0.0.1 169.254.1.1 224.0.0.251 0.0.0.0 255.255.255.255",
        "192.0.2.44 198.51.100.7 203.0.113.9 2001:db8::7 fe80::1 ::1 fc00::5",
        "300.1.2.3 and 1.2.3.4.5 and 193.1.2.03",
        "std::string face::add 12:30:45 ab:cd:ef:01:23:45",
    ],
)
def test_no_public_ip_address(text):
    assert found(text, "ip_address") == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Call us: (212) 651-7273 (866) 761-6071", ["(212) 651-7273", "(866) 761-6071"]),
        ("1-800-692-7753 or 212.651.7273!", ["1-800-692-7753", "212.651.7273"]),
        ("+49 (0)9546-9223-20 oder +41.31.322.55.11", ["+49 (0)9546-9223-20", "+41.31.322.55.11"]),
        ("UK: +44 20 3734 1592 LT: +370 5 250 1234", ["+44 20 3734 1592", "+370 5 250 1234"]),
        ("Tel.: 0471 80 60 745 * Fax 030/226 343 55", ["0471 80 60 745", "030/226 343 55"]),
        ("Telefon: 0043 1 479 15 23", ["0043 1 479 15 23"]),
        ("WhatsApp: 01747301710", ["01747301710"]),
    ],
)
def test_phone_numbers(text, numbers):
    pytest.importorskip("phonenumbers")
    assert found(text, "phone_number") == numbers


@pytest.mark.parametrize(
    "text",
    [
        "+1 202-555-0100 and (212) 555-0199",
        "2021-03-04 10:20, 12.03.2021 11:30, 1 234 567 890 people, 0022.06.2018 10:20",
        "ISBN 978-3-16-148410-0, order 212-651-72731, part no. 651-7273",
        "It costs $212 651-7273.50; pi is 3.14159265358979",
        "https://shop.com/212-651-7273",
        "DE89 3704 0044 0532 0130 00",
        "999-123-4567",  # no such area
    ],
)
def test_no_phone_number(text):
    pytest.importorskip("phonenumbers")
    assert found(text, "phone_number") == []


PIECES = st.sampled_from(
    [
        "jane@site.com",
        "me@",
        "@",
        "8.8.4.4",
        "188.102.30.236",
        "2a02:8109::1",
        "+49 30 1234567",
        "(212) 651-7273",
        "Tel. ",
        "0471 80607",
        "\n",
        " ",
        ".",
        ",",
        "x",
        "9",
        "é",
        "IP ",
        "v",
        "example.com",
        "\x00",
    ]
)


@settings(max_examples=100)
@given(st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join))
def test_replacing_touches_nothing_else_and_is_done_once(text):
    pytest.importorskip("phonenumbers")
    hits = find(text, KINDS)
    after = replaced(text, hits)
    assert (after == text) == (not hits)
    before_next = done = 0
    for one in hits:
        assert one.start >= done
        kept = text[done : one.start] + one.replacement
        assert after[before_next : before_next + len(kept)] == kept
        before_next += len(kept)
        done = one.end
    assert after[before_next:] == text[done:]
    assert find(after, KINDS) == []


@pytest.mark.parametrize("piece", ["a.", "1.", "12:", "+1 ", "9 ", "a@", "(212) ", "tel 0 "])
def test_a_long_line_has_no_hits_and_ends(piece):
    pytest.importorskip("phonenumbers")
    assert find(piece * 50_000, KINDS) == []
