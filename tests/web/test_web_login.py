# SPDX-License-Identifier: MIT
"""Nobody changes anything without the password, there is no password from the factory, and guessing gets slow."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.web import password as rules
from stratum1.web import throttle as limits
from stratum1.web.app import create_app
from stratum1.web.guide import is_private_name
from stratum1.web.password import Passwords, session_key, weakness
from stratum1.web.throttle import Throttle

GOOD = "green teapot rides"


@pytest.fixture(autouse=True)
def quick_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "TIME_COST", 1)
    monkeypatch.setattr(rules, "MEMORY_KIB", 8)


@pytest.fixture
def client(paths: Paths) -> Iterator[FlaskClient]:
    with create_app(paths).test_client() as found:
        yield found


def token(client: FlaskClient, path: str) -> str:
    match = re.search(r'name="csrf_token" type="hidden" value="([^"]+)"', client.get(path).text)
    assert match, path
    return match[1]


def welcome(client: FlaskClient, **changed: str) -> object:
    form = {"password": GOOD, "again": GOOD, "name": "clock", "zone": "Europe/Berlin", **changed}
    return client.post("/welcome", data={"csrf_token": token(client, "/welcome"), **form})


def log_in(client: FlaskClient, password: str) -> int:
    answer = client.post("/login", data={"csrf_token": token(client, "/login"), "password": password})
    return answer.status_code


def test_the_first_visit_chooses_password_name_and_zone(client: FlaskClient, paths: Paths) -> None:
    assert client.get("/settings").headers["Location"] == "/welcome"
    assert client.get("/login").headers["Location"] == "/welcome"
    assert welcome(client).headers["Location"] == "/settings"  # type: ignore[attr-defined]
    assert client.get("/settings").status_code == 200
    stored = load(paths.settings).settings.system
    assert (stored.name, stored.zone) == ("clock", "Europe/Berlin")
    text = paths.web_password.read_text()
    assert text.startswith("$argon2id$") and GOOD not in text
    for path in (paths.web_password, paths.web_secret):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "short", "again": "short"}, "at least 10"),
        ({"again": "other"}, "is not the same"),
        ({"name": "no name!"}, "is no host name"),
        ({"zone": "Mars/Olympus"}, "is no known time zone"),
    ],
)
def test_a_bad_first_visit_stores_nothing_and_keeps_what_was_typed(
    client: FlaskClient, paths: Paths, changed: dict[str, str], said: str
) -> None:
    answer = welcome(client, **changed)
    assert answer.status_code == 422 and said in answer.text  # type: ignore[attr-defined]
    assert not paths.web_password.exists() and not paths.settings.exists()
    if "name" in changed:
        assert 'value="no name!"' in answer.text  # type: ignore[attr-defined]


def test_a_second_visitor_cannot_choose_again(client: FlaskClient, paths: Paths) -> None:
    welcome(client)
    before = paths.web_password.read_bytes()
    stranger = create_app(paths).test_client()
    assert stranger.get("/welcome").status_code == 302
    answer = stranger.post("/welcome", data={"password": "another good one", "again": "another good one"})
    assert answer.status_code == 302 and paths.web_password.read_bytes() == before


def test_a_strangers_name_for_this_box_cannot_claim_it(client: FlaskClient) -> None:
    assert client.get("/welcome", headers={"Host": "stratum1.evil.example"}).status_code == 403
    for host in ("192.168.1.5", "[fd00::1]:8080", "stratum1", "stratum1.local", "localhost:8080"):
        assert client.get("/welcome", headers={"Host": host}).status_code == 200
    assert not is_private_name("local.example.com")


def test_log_in_log_out_and_what_a_session_is_worth(client: FlaskClient, paths: Paths) -> None:
    welcome(client)
    other = create_app(paths).test_client()
    assert other.get("/settings").headers["Location"] == "/login"
    assert log_in(other, "not the password") == 403
    assert log_in(other, GOOD) == 302
    cookie = other.get_cookie("stratum1")
    assert cookie is not None and cookie.http_only and cookie.same_site == "Strict"
    assert other.get("/settings").status_code == 200
    assert other.post("/logout", data={}).status_code == 302
    assert other.get("/settings").status_code == 200, "without a token nobody is logged out"
    other.post("/logout", data={"csrf_token": token(other, "/settings")})
    assert other.get("/settings").status_code == 302


def test_a_new_password_ends_all_other_sessions(client: FlaskClient, paths: Paths) -> None:
    welcome(client)
    other = create_app(paths).test_client()
    log_in(other, GOOD)
    form = {"old": GOOD, "password": "purple kettle sings", "again": "purple kettle sings"}
    wrong = client.post("/password", data={**form, "old": "x", "csrf_token": token(client, "/password")})
    assert wrong.status_code == 422
    assert client.post("/password", data={**form, "csrf_token": token(client, "/password")}).status_code == 302
    assert client.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 302
    assert log_in(other, GOOD) == 403 and log_in(other, "purple kettle sings") == 302


@pytest.mark.parametrize("path", ["/welcome", "/login", "/settings", "/password"])
def test_a_form_without_its_token_changes_nothing(client: FlaskClient, paths: Paths, path: str) -> None:
    if path != "/welcome":
        welcome(client)
    if path == "/login":
        client.delete_cookie("stratum1")
    before = {file.name: file.read_bytes() for file in paths.data.iterdir()}
    form = {"password": GOOD, "again": GOOD, "name": "x", "zone": "UTC", "old": GOOD, "ntp__port": "1234"}
    assert client.post(path, data=form).status_code in (200, 422)
    assert {file.name: file.read_bytes() for file in paths.data.iterdir()} == before
    if path == "/login":
        assert client.get("/settings").status_code == 302


def test_guessing_is_slowed_down_and_the_right_word_waits_too(client: FlaskClient, paths: Paths) -> None:
    welcome(client)
    other = create_app(paths).test_client()
    codes = [log_in(other, f"guess {i}") for i in range(limits.FREE + 1)]
    assert codes == [403] * limits.FREE + [429]
    answer = other.post("/login", data={"csrf_token": token(other, "/login"), "password": GOOD})
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
    assert other.get("/settings").status_code == 302


def test_a_damaged_password_file_lets_nobody_in(client: FlaskClient, paths: Paths) -> None:
    welcome(client)
    for content in (b"", b"\xff\xfe", b"$argon2id$torn"):
        paths.web_password.write_bytes(content)
        other = create_app(paths).test_client()
        assert other.get("/settings").headers["Location"] == "/login"
        assert log_in(other, GOOD) == 403


def test_a_forged_session_is_none(client: FlaskClient, paths: Paths) -> None:
    welcome(client)
    other = create_app(paths).test_client()
    other.set_cookie("stratum1", "eyJtYXJrIjoiMDAwMCJ9.aaaa.bbbb")
    assert other.get("/settings").status_code == 302


def test_the_session_key_outlives_the_process_where_it_can(paths: Paths) -> None:
    first = session_key(paths.web_secret)
    assert len(first) == 32 and session_key(paths.web_secret) == first
    missing = paths.data / "missing" / "secret"
    assert len(session_key(missing)) == 32 and not missing.exists()


@given(st.text(max_size=300))
def test_what_is_long_and_varied_will_do_and_nothing_else(text: str) -> None:
    if weakness(text, "stratum1") is None:
        assert rules.SHORTEST <= len(text) <= rules.LONGEST and len(set(text.lower())) >= 5


@pytest.mark.parametrize(
    "bad", ["", "short", "aaaaaaaaaaaa", "1234567890", "password12", "raspberry1!", "studio-clock1"]
)
def test_what_everybody_tries_will_not_do(bad: str) -> None:
    assert weakness(bad, "studio-clock") is not None


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\0" not in text))
def test_only_the_chosen_password_matches(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    found = Passwords(tmp_path_factory.mktemp("p") / "password")
    assert not found.chosen and not found.matches(text)
    found.choose(text)
    assert found.chosen and found.matches(text) and not found.matches(text + "x")


def test_the_throttle_doubles_forgives_and_stays_bounded() -> None:
    throttle = Throttle()
    for i in range(limits.FREE):
        assert throttle.wait_s("192.0.2.1", i) == 0
        throttle.failed("192.0.2.1", i)
    now = limits.FREE - 1
    waits = []
    for _ in range(12):
        waits.append(throttle.wait_s("192.0.2.1", now))
        now += int(waits[-1])
        throttle.failed("192.0.2.1", now)
    assert waits[:4] == [1, 2, 4, 8] and max(waits) == limits.LONGEST_S
    assert throttle.wait_s("192.0.2.2", now) == 0
    throttle.succeeded("192.0.2.1")
    assert throttle.wait_s("192.0.2.1", now) == 0


def test_one_host_with_many_ipv6_addresses_is_one() -> None:
    throttle = Throttle()
    for i in range(limits.FREE):
        throttle.failed(f"2001:db8::{i:x}", 0)
    assert throttle.wait_s("2001:db8::ffff", 0) > 0
    assert throttle.wait_s("2001:db8:1::1", 0) == 0
    assert limits.network_of("::ffff:192.0.2.1") == "192.0.2.1"


def test_a_crowd_of_guessers_is_slowed_down_together_in_bounded_room() -> None:
    throttle = Throttle()
    for i in range(5000):
        throttle.failed(f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", 0)
    assert 0 < throttle.wait_s("192.0.2.1", 0) <= limits.EVERYBODY_LONGEST_S
    assert len(throttle._rows) <= limits.ROWS
