# SPDX-License-Identifier: MIT
"""The settings page shows every setting, stores what is good, and refuses the rest beside its field."""

from __future__ import annotations

import dataclasses
import html
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from stratum1.paths import Paths
from stratum1.settings import Settings, load
from stratum1.web import password as rules
from stratum1.web.app import create_app
from stratum1.web.trial import Trial

GOOD = "green teapot rides"
SCHEMA = [
    (f"{section.name}.{item.name}", item)
    for section in dataclasses.fields(Settings)
    for item in dataclasses.fields(section.default_factory)  # type: ignore[arg-type]
]


@pytest.fixture
def owner(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client that is logged in."""
    monkeypatch.setattr(rules, "TIME_COST", 1)
    monkeypatch.setattr(rules, "MEMORY_KIB", 8)
    client = create_app(paths).test_client()
    form = {"password": GOOD, "again": GOOD, "name": "stratum1", "zone": "UTC"}
    assert client.post("/welcome", data={"csrf_token": token(client.get("/welcome").text), **form}).status_code == 302
    return client


def token(page: str) -> str:
    match = re.search(r'id="csrf_token" name="csrf_token" type="hidden" value="([^"]+)"', page)
    assert match
    return match[1]


def filled(page: str) -> dict[str, str]:
    """What a browser would send if Store were pressed at once."""
    form = {"csrf_token": token(page)}
    for tag in re.findall(r"<input[^>]*>", page):
        name, kind = re.search(r'name="(\w+__\w+)"', tag), re.search(r'type="(\w+)"', tag)
        if name and kind:
            value = re.search(r'value="([^"]*)"', tag)
            if kind[1] != "checkbox":
                form[name[1]] = html.unescape(value[1]) if value else ""
            elif " checked" in tag:
                form[name[1]] = "y"
    for name, inner in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option selected value="([^"]*)"', inner)
        assert chosen, name
        form[name] = chosen[1]
    for name, inner in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', page, re.DOTALL):
        form[name] = html.unescape(inner).strip()
    return form


def test_every_setting_has_a_field_with_its_help_and_default(owner: FlaskClient) -> None:
    page = html.unescape(owner.get("/settings").text)
    for path, item in SCHEMA:
        assert f'name="{path.replace(".", "__")}"' in page, path
        assert item.metadata["help"] in page, path


def test_storing_without_a_change_changes_nothing(owner: FlaskClient, paths: Paths) -> None:
    before = load(paths.settings).settings
    assert owner.post("/settings", data=filled(owner.get("/settings").text)).status_code == 302
    assert load(paths.settings).settings == before


@pytest.mark.parametrize(
    ("path", "typed", "stored"),
    [
        ("ntp.port", " 11123 ", 11123),
        ("timekeeper.bound_limit_ms", "2.5", 2.5),
        ("ntp.allow", "local\n10.0.0.0/8, 192.0.2.0/24", ("local", "10.0.0.0/8", "192.0.2.0/24")),
        ("timekeeper.steer", "none", "none"),
        ("ntp.everyone", "y", True),
        ("pulse.delay_ns", "-50", -50),
    ],
)
def test_a_good_value_is_stored_and_shown(owner: FlaskClient, paths: Paths, path: str, typed: str, stored: Any) -> None:
    form = {**filled(owner.get("/settings").text), path.replace(".", "__"): typed}
    answer = owner.post("/settings", data=form, follow_redirects=True)
    assert answer.status_code == 200 and "Stored." in answer.text
    section, _, key = path.partition(".")
    assert getattr(getattr(load(paths.settings).settings, section), key) == stored
    assert owner.post("/settings", data=filled(answer.text)).status_code == 302
    assert getattr(getattr(load(paths.settings).settings, section), key) == stored


def test_a_switch_can_be_switched_off(owner: FlaskClient, paths: Paths) -> None:
    form = filled(owner.get("/settings").text)
    del form["timekeeper__serving"]
    assert owner.post("/settings", data=form).status_code == 302
    assert load(paths.settings).settings.timekeeper.serving is False


def test_everything_wrong_is_told_at_once_beside_its_field_and_nothing_is_lost_or_stored(
    owner: FlaskClient, paths: Paths
) -> None:
    before = paths.settings.read_bytes()
    typed = {"ntp__port": "99999", "system__name": "no name!", "ntp__allow": "local\nfoo", "ntp__rate_burst": "abc"}
    form = {**filled(owner.get("/settings").text), **typed, "web__port": "8088"}
    answer = owner.post("/settings", data=form)
    assert answer.status_code == 422 and paths.settings.read_bytes() == before
    page = html.unescape(answer.text)
    for name in typed:
        assert f'id="{name}-error"' in page and f'<a href="#{name}">' in page
        tag = re.search(rf'<(?:input|textarea)[^>]*name="{name}"[^>]*>', page)
        assert tag and f"{name}-error" in tag[0] and 'aria-invalid="true"' in tag[0]
    assert "too large, want at most 65535" in page and "'abc' is not a whole number" in page
    again = filled(answer.text)
    assert {name: again[name].replace("\r", "") for name in typed} == typed and again["web__port"] == "8088"


def test_a_data_partition_that_cannot_be_written_is_told(
    owner: FlaskClient, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("stratum1.web.configure.save", full)
    answer = owner.post("/settings", data={**filled(owner.get("/settings").text), "ntp__port": "124"})
    assert answer.status_code == 422 and "No space left on device" in answer.text
    assert filled(answer.text)["ntp__port"] == "124"


def test_a_new_port_is_on_trial_until_it_is_kept(owner: FlaskClient, paths: Paths) -> None:
    answer = owner.post(
        "/settings", data={**filled(owner.get("/settings").text), "web__port": "8088"}, follow_redirects=True
    )
    assert "moves to port 8088" in answer.text and "Keep it here" not in answer.text
    trial: Trial = owner.application.extensions["box"].trial
    assert trial.pending is not None and trial.pending.port == 80
    trial.watch(3600, lambda: None)  # as the process does that is started there
    page = owner.get("/settings").text
    keep = re.search(r'id="keep-token" name="csrf_token" type="hidden" value="([^"]+)"', page)
    assert keep and "Keep it here" in page
    owner.post("/settings/keep", data={})
    assert trial.pending is not None, "not without the token"
    assert owner.post("/settings/keep", data={"csrf_token": keep[1]}).status_code == 302
    assert trial.pending is None and load(paths.settings).settings.web.port == 8088


def test_who_wants_encrypted_pages_only_is_told_where_they_are(owner: FlaskClient, paths: Paths) -> None:
    form = {**filled(owner.get("/settings").text), "web__https": "only", "web__https_port": "8443"}
    answer = owner.post("/settings", data=form, follow_redirects=True)
    assert "moves to https and port 8443 alone" in answer.text and "within 60 seconds" in answer.text
    trial: Trial = owner.application.extensions["box"].trial
    assert trial.pending is not None and trial.pending.https == "on"


@given(data=st.data())
@rounds(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_typed_the_file_stays_good(owner: FlaskClient, paths: Paths, data: st.DataObject) -> None:
    form = filled(owner.get("/settings").text)
    for name in data.draw(st.lists(st.sampled_from([path.replace(".", "__") for path, _ in SCHEMA]), max_size=3)):
        form[name] = data.draw(st.text(max_size=20) | st.integers().map(str) | st.floats().map(str))
    answer = owner.post("/settings", data=form)
    assert answer.status_code in (302, 422)
    loaded = load(paths.settings)
    assert loaded.problem == ""
    if answer.status_code == 302:
        assert owner.get("/settings").status_code == 200


SECRETS = ("network.wifi_passphrase", "mail.password", "webhook.token", "mqtt.password")


@pytest.mark.parametrize("path", SECRETS)
def test_a_secret_is_stored_kept_and_forgotten_but_never_shown(owner: FlaskClient, paths: Paths, path: str) -> None:
    name, (section, _, key) = path.replace(".", "__"), path.partition(".")
    paths.network_status.write_text('{"trial": null}')  # the network is ours to set up

    def stored() -> str:
        return str(getattr(getattr(load(paths.settings).settings, section), key))

    form = filled(owner.get("/settings").text)
    assert owner.post("/settings", data={**form, name: "hush-hush-77"}).status_code == 302
    assert stored() == "hush-hush-77"
    page = owner.get("/settings").text
    assert "hush-hush" not in page
    assert owner.post("/settings", data=filled(page)).status_code == 302
    assert stored() == "hush-hush-77", "an empty field keeps it"
    assert "hush-hush" not in owner.post("/settings", data={**filled(page), name: "hush-hush", "ntp__port": "0"}).text
    assert owner.post("/settings", data={**filled(page), f"{name}__forget": "y"}).status_code == 302
    assert stored() == "" and f"{name}__forget" not in owner.get("/settings").text
