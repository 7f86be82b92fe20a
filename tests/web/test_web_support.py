# SPDX-License-Identifier: MIT
"""The support bundle tells all that helps and no secret; the log tells who said what."""

from __future__ import annotations

import dataclasses
import io
import json
import re
import zipfile

import pytest
from flask.testing import FlaskClient
from snapshots import LOCKED, Publish
from visiting import PASSWORD, said

from stratum1.ntp.keyfile import add_key, read
from stratum1.paths import Paths
from stratum1.settings import Settings, save
from stratum1.supervisor.log import Log
from stratum1.web import certificate, support
from stratum1.web.app import create_app
from stratum1.web.box import Box
from stratum1.web.tokens import Tokens

SECRETS = [
    (section.name, item.name)
    for section in dataclasses.fields(Settings)
    for item in dataclasses.fields(section.default_factory)  # type: ignore[arg-type]
    if item.metadata["secret"]
]


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_there_are_secrets_to_be_kept() -> None:
    assert ("network", "wifi_passphrase") in SECRETS and len(SECRETS) >= 3


def test_no_secret_of_the_box_is_in_any_byte_of_it(owner: FlaskClient, paths: Paths, publish: Publish) -> None:
    publish(LOCKED)
    settings = Settings()
    planted = {}
    for number, (section, key) in enumerate(SECRETS):
        planted[section, key] = f'hush"quoted"{number:03d}-secret'
        settings = settings.changed(f"{section}.{key}", planted[section, key])
    save(paths.settings, settings)
    box: Box = owner.application.extensions["box"]
    box.reload()
    lines = [add_key(paths.ntp_keys), add_key(paths.ntp_keys, "SHA1")]
    token = Tokens(paths.api_tokens).make("Grafana", "write")
    paths.tls_certificate.write_bytes(certificate.make("clock", []))
    key = re.search(rb"PRIVATE KEY-----\n(.*?)\n-----END", paths.tls_certificate.read_bytes(), re.DOTALL)
    assert key
    hidden = {value.encode() for value in planted.values()} | {json.dumps(value).encode() for value in planted.values()}
    hidden |= {each.secret for each in read(paths.ntp_keys)} | {line.split()[2].encode() for line in lines}
    hidden |= {each.secret.hex().encode() for each in read(paths.ntp_keys)}
    hidden |= {
        paths.web_password.read_bytes().strip(),
        paths.web_secret.read_bytes(),
        paths.web_secret.read_bytes().hex().encode(),
    }
    hidden |= set(key[1].split()) | {Tokens(paths.api_tokens).all()[0].digest.encode()}
    # A careless program says everything it knows, in the log and to the others.
    careless = b"".join(each + b" " for each in hidden)
    paths.log.write_bytes(b"2026-11-22T16:00:00Z web: " + careless + b"\n")
    paths.receiver_status.write_text(json.dumps({"problem": list(planted.values())}))
    files = unpacked(owner.get("/system/support").data)
    for name, content in files.items():
        for secret in hidden:
            assert secret not in content, (name, secret)
    assert token.encode() not in b"".join(files.values()) and PASSWORD.encode() not in b"".join(files.values())
    assert b"(secret)" in files["log/log"]


def test_it_has_what_somebody_who_helps_will_ask_for(owner: FlaskClient, paths: Paths, publish: Publish) -> None:
    publish(LOCKED)
    Log(paths.log).write("responder: hello")
    paths.receiver_status.write_text('{"name": "u-blox MAX-M8Q"}')
    paths.system_log.parent.mkdir(parents=True)
    paths.system_log.write_text("kernel: pps0\n")
    answer = owner.get("/system/support")
    assert answer.mimetype == "application/zip" and ".zip" in answer.headers["Content-Disposition"]
    files = unpacked(answer.data)
    assert json.loads(files["about.json"])["libraries"]["flask"]
    assert json.loads(files["status.json"])["state"] == "LOCKED"
    assert {each["part"] for each in json.loads(files["self-test.json"])} >= {"Receiver", "Pulse", "Clock", "Power"}
    assert b"responder: hello" in files["log/log"] and b"pps0" in files["log/system"]
    assert b"MAX-M8Q" in files["run/receiver.json"] and b"version = 1" in files["settings.toml"]
    assert files["log/kernel"]


def test_the_longest_secret_goes_first() -> None:
    assert support.scrub(b"abcdefgh abcd", {b"abcd", b"abcdefgh"}) == b"(secret) (secret)"


def test_the_log_can_be_read_whole_or_by_program(owner: FlaskClient, paths: Paths) -> None:
    assert "Nothing was said yet" in owner.get("/system/log").text
    log = Log(paths.log)
    for text in ("responder: answers", "web: <b>loud</b>", "no gpsd here"):
        log.write(text)
    whole = owner.get("/system/log").text
    assert whole.index("no gpsd here") < whole.index("answers"), "the newest first"
    assert "&lt;b&gt;loud" in whole and "<b>loud" not in whole
    one = owner.get("/system/log?process=responder").text
    assert "answers" in one and "loud" not in one
    assert "answers" in owner.get("/system/log?process=../../etc/passwd").text


def test_only_the_end_of_a_long_log_is_shown(owner: FlaskClient, paths: Paths) -> None:
    line = "2026-11-22T16:00:00Z web: line {:06d}\n"
    paths.log.write_text("".join(line.format(number) for number in range(20_000)))
    page = said(owner.get("/system/log"))
    assert "line 019999" in page and "line 019700" in page and "line 019699" not in page and "The newest lines" in page


@pytest.mark.parametrize("path", ["/system/support", "/system/log", "/system", "/system/test"])
def test_strangers_see_none_of_it(owner: FlaskClient, paths: Paths, path: str) -> None:
    assert create_app(paths).test_client().get(path).headers["Location"] == "/login"
