# SPDX-License-Identifier: MIT
"""Keys and tokens are made on the page, shown once, and gone for good when they are deleted."""

from __future__ import annotations

import base64
import re
import stat

import pytest
from flask.testing import FlaskClient
from visiting import PASSWORD, said, send, token
from werkzeug.test import TestResponse

from stratum1.ntp import keyfile
from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.web.app import create_app
from stratum1.web.keys import client_lines
from stratum1.web.once import LASTS_S, Once
from stratum1.web.throttle import Pace
from stratum1.web.tokens import MOST, PREFIX, Tokens


def shown(client: FlaskClient, answer: TestResponse) -> TestResponse:
    """The page to which a form led on."""
    assert answer.status_code == 302, said(answer)
    return client.get(answer.location)


def test_a_key_is_shown_once_with_the_lines_of_its_clients(owner: FlaskClient, paths: Paths) -> None:
    answer = send(owner, "/system/keys", kind="AES128")
    [key] = keyfile.read(paths.ntp_keys)
    secret = key.secret.hex().upper()
    page = said(shown(owner, answer))
    assert f"1 AES128 HEX:{secret}" in page and "server localhost iburst key 1" in page
    assert f"1 AES128CMAC {secret}" in page and "trustedkey 1" in page
    assert stat.S_IMODE(paths.ntp_keys.stat().st_mode) == 0o600
    again = said(owner.get("/system/keys"))
    assert secret not in again.upper() and "AES128" in again and "Delete" in again


def test_a_page_that_is_loaded_anew_makes_no_second_one_and_shows_the_first_no_more(
    owner: FlaskClient, paths: Paths
) -> None:
    for page, fields in (
        ("/system/keys", {"kind": "AES128"}),
        ("/system/tokens", {"name": "Grafana", "scope": "read", "password": PASSWORD}),
    ):
        first = shown(owner, send(owner, page, **fields))
        again = owner.get(first.request.path)
        assert "shown this once" in first.text and "shown this once" not in again.text
    assert len(keyfile.read(paths.ntp_keys)) == len(Tokens(paths.api_tokens).all()) == 1


def test_what_is_new_is_shown_to_who_made_it_alone(owner: FlaskClient, paths: Paths) -> None:
    made = send(owner, "/system/keys", kind="AES128")
    secret = keyfile.read(paths.ntp_keys)[0].secret.hex()
    other = owner.application.test_client()
    form = {"csrf_token": token(other.get("/login").text), "password": PASSWORD}
    assert other.post("/login", data=form).status_code == 302
    assert secret not in other.get("/system/keys").text.lower()
    # The cookie of a session can be read by whoever sees it pass.
    cookies = [value for name, value in made.headers if name == "Set-Cookie"]
    payload = cookies[0].partition("=")[2].lstrip(".").partition(".")[0]
    assert secret not in cookies[0] and secret.encode() not in base64.urlsafe_b64decode(payload + "==").lower()
    assert secret in shown(owner, made).text.lower()


def test_what_nobody_came_to_see_is_forgotten(owner: FlaskClient) -> None:
    now = [0.0]
    once = Once("test", lambda: now[0])
    with owner.application.test_request_context():
        once.keep("first")
        now[0] = LASTS_S - 1
        assert once.take() == "first" and once.take() == ""
        once.keep("second")
        now[0] += LASTS_S
        assert once.take() == ""


def test_a_line_that_is_shown_is_read_as_the_same_key(paths: Paths) -> None:
    for kind in ("AES128", "SHA1"):
        line = keyfile.add_key(paths.ntp_keys, kind)
        shown = dict(client_lines(line, "192.0.2.1"))
        [mine] = keyfile.parse(shown["chrony: /etc/chrony/chrony.keys"], "chrony")
        [theirs] = keyfile.parse(shown["ntpd: /etc/ntpsec/ntp.keys"], "ntpd")
        assert mine == theirs == keyfile.parse(line, "ours")[0]


def test_md5_is_offered_only_when_it_is_switched_on(owner: FlaskClient, paths: Paths) -> None:
    assert "MD5" not in owner.get("/system/keys").text
    assert send(owner, "/system/keys", kind="MD5").status_code == 422
    assert send(owner, "/system/keys", kind="<script>").status_code == 422
    assert not paths.ntp_keys.exists()
    paths.settings.write_text("version = 1\n[ntp]\nmd5 = true\n")
    owner.application.extensions["box"].reload()
    assert shown(owner, send(owner, "/system/keys", kind="MD5")).status_code == 200
    assert keyfile.read(paths.ntp_keys, md5=True)[0].kind == "MD5"


def test_a_deleted_key_is_gone_and_the_rest_of_the_file_stays(owner: FlaskClient, paths: Paths) -> None:
    for _ in range(3):
        keyfile.add_key(paths.ntp_keys)
    paths.ntp_keys.write_text("# mine\n" + paths.ntp_keys.read_text())
    assert send(owner, "/system/keys", "/system/keys/2/delete").status_code == 302
    assert [key.id for key in keyfile.read(paths.ntp_keys)] == [1, 3]
    assert paths.ntp_keys.read_text().startswith("# mine\n")
    assert send(owner, "/system/keys", "/system/keys/2/delete").status_code == 404
    assert owner.post("/system/keys/1/delete", data={}).status_code == 302
    assert len(keyfile.read(paths.ntp_keys)) == 2, "not without the token"


def test_a_file_that_is_wrong_is_told_and_left_alone(owner: FlaskClient, paths: Paths) -> None:
    paths.ntp_keys.write_text("1 nonsense\n")
    answer = send(owner, "/system/keys", kind="AES128")
    assert answer.status_code == 422 and "line 1: 2 words, want three" in said(answer)
    assert paths.ntp_keys.read_text() == "1 nonsense\n"


def test_a_token_is_shown_once_and_kept_as_a_hash(owner: FlaskClient, paths: Paths) -> None:
    page = said(shown(owner, send(owner, "/system/tokens", name="Grafana <3", scope="read", password=PASSWORD)))
    found = re.search(rf"{PREFIX}[\w-]{{43}}", page)
    assert found and "Grafana <3" in page
    assert found[0] not in paths.api_tokens.read_text() and found[0] not in owner.get("/system/tokens").text
    assert stat.S_IMODE(paths.api_tokens.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "say what it is for"),
        ({"name": "x" * 61}, "at most 60 letters"),
        ({"scope": "root"}, "want one of read, write"),
        ({"password": "wrong"}, "this is not the password"),
    ],
)
def test_a_token_that_cannot_be_is_refused(
    owner: FlaskClient, paths: Paths, fields: dict[str, str], problem: str
) -> None:
    answer = send(owner, "/system/tokens", **{"name": "x", "scope": "read", "password": PASSWORD, **fields})
    assert answer.status_code == 422 and problem in said(answer)
    assert not paths.api_tokens.exists()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_program_reads_and_changes_settings_as_far_as_its_token_goes(owner: FlaskClient, paths: Paths) -> None:
    tokens = Tokens(paths.api_tokens)
    reads, writes = tokens.make("reads", "read"), tokens.make("writes", "write")
    program = create_app(paths).test_client()
    assert program.get("/api/v1/settings").status_code == 401
    assert program.get("/api/v1/settings", headers=bearer(reads)).get_json()["ntp"]["port"] == 123
    assert program.get("/api/v1/clients", headers=bearer(reads)).status_code == 200
    change = {"ntp": {"port": 124, "allow": ["local"]}, "panel": {"brightness": 7}}
    assert program.patch("/api/v1/settings", json=change, headers=bearer(reads)).status_code == 403
    assert load(paths.settings).settings.ntp.port == 123
    answer = program.patch("/api/v1/settings", json=change, headers=bearer(writes))
    assert answer.status_code == 200 and answer.get_json()["ntp"]["port"] == 124 and "Set-Cookie" not in answer.headers
    assert load(paths.settings).settings.panel.brightness == 7


def test_a_bad_change_names_each_key_and_stores_nothing(owner: FlaskClient, paths: Paths) -> None:
    writes = Tokens(paths.api_tokens).make("writes", "write")
    before = paths.settings.read_bytes()
    bad = {"ntp": {"port": 0, "nothing": 1, "rate_burst": 77}, "nowhere": {}, "web": 3}
    answer = owner.patch("/api/v1/settings", json=bad, headers=bearer(writes))
    assert answer.status_code == 422
    assert set(answer.get_json()["problems"]) == {"ntp.port", "ntp.nothing", "nowhere", "web"}
    for body in (b"", b"[]", b"3", b"{", b"\xff"):
        assert owner.patch("/api/v1/settings", data=body, headers=bearer(writes)).status_code == 400
    assert owner.patch("/api/v1/settings", data=b" " * 70_000, headers=bearer(writes)).status_code == 413
    assert paths.settings.read_bytes() == before


def test_a_browser_that_is_logged_in_is_no_program(owner: FlaskClient, paths: Paths) -> None:
    assert owner.get("/api/v1/settings").status_code == 200
    assert owner.patch("/api/v1/settings", json={"ntp": {"port": 124}}).status_code == 401
    assert load(paths.settings).settings.ntp.port == 123


def test_secrets_can_be_written_and_not_read(owner: FlaskClient, paths: Paths) -> None:
    writes = Tokens(paths.api_tokens).make("writes", "write")
    answer = owner.patch("/api/v1/settings", json={"mail": {"password": "hush-hush"}}, headers=bearer(writes))
    assert answer.status_code == 200 and "hush" not in answer.text
    assert load(paths.settings).settings.mail.password == "hush-hush"
    whole = owner.get("/api/v1/settings").get_json()
    assert owner.patch("/api/v1/settings", json=whole, headers=bearer(writes)).status_code == 200
    assert load(paths.settings).settings.mail.password == "hush-hush", "what was read can be sent back as it is"


def test_a_deleted_token_is_worth_nothing(owner: FlaskClient, paths: Paths) -> None:
    token = Tokens(paths.api_tokens).make("x", "read")
    program = create_app(paths).test_client()
    assert program.get("/api/v1/settings", headers=bearer(token)).status_code == 200
    [kept] = Tokens(paths.api_tokens).all()
    assert send(owner, "/system/tokens", f"/system/tokens/{kept.id}/delete").status_code == 302
    assert program.get("/api/v1/settings", headers=bearer(token)).status_code == 401
    assert send(owner, "/system/tokens", "/system/tokens/nothing/delete").status_code == 404


def test_guessing_tokens_gets_slow_and_using_one_too_often_as_well(owner: FlaskClient, paths: Paths) -> None:
    token = Tokens(paths.api_tokens).make("x", "read")
    program = create_app(paths).test_client()
    seen = [program.get("/api/v1/settings", headers=bearer(token)).status_code for _ in range(100)]
    assert seen[:50] == [200] * 50 and seen[-1] == 429
    for _ in range(6):
        answer = program.get("/api/v1/settings", headers=bearer("guess"))
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) >= 1
    other = create_app(paths).test_client()
    assert other.get("/api/v1/settings", headers={"Authorization": "Basic eDp5"}).status_code == 401


def test_a_pace_lets_through_what_it_says() -> None:
    pace = Pace(60, 3)
    assert [pace.take("a", 0.0) for _ in range(3)] == [0.0] * 3
    assert pace.take("a", 0.0) == pytest.approx(1.0) and pace.take("b", 0.0) == 0.0
    assert pace.take("a", 1.0) == 0.0 and pace.take("a", 1.0) > 0
    for number in range(1000):
        pace.take(str(number), 2.0)
    assert len(pace._rows) <= 256


def test_the_last_use_is_written_once_a_day(paths: Paths) -> None:
    now = [1_790_000_000.0]
    tokens = Tokens(paths.api_tokens, lambda: now[0])
    token = tokens.make("x", "read")
    assert tokens.all()[0].used_s == 0
    assert tokens.find(token)
    first = paths.api_tokens.stat().st_ino
    now[0] += 3600
    assert tokens.find(token) and paths.api_tokens.stat().st_ino == first
    now[0] += 86_400
    assert tokens.find(token) and tokens.all()[0].used_s == int(now[0] // 86_400 * 86_400)


def test_there_is_an_end_to_tokens_and_a_damaged_file_holds_none(paths: Paths) -> None:
    tokens = Tokens(paths.api_tokens)
    token = tokens.make("x", "read")
    for _ in range(MOST - 1):
        tokens.make("x", "read")
    with pytest.raises(ValueError, match="delete one first"):
        tokens.make("x", "read")
    for damaged in (b"", b"{}", b"[1]", b'[{"id": 1}]', b"\xff", paths.api_tokens.read_bytes()[:-3]):
        paths.api_tokens.write_bytes(damaged)
        assert tokens.all() == [] and tokens.find(token) is None
