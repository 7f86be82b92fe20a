# SPDX-License-Identifier: MIT
"""A stranger's machine reads the API's description and tries everything that it allows, and much that it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from stratum1.paths import Paths
from stratum1.settings import load
from stratum1.web import login
from stratum1.web.app import create_app
from stratum1.web.openapi import document
from stratum1.web.tokens import Tokens

EXAMPLES = 40


@contextmanager
def served() -> Iterator[tuple[Flask, Paths, str]]:
    with TemporaryDirectory() as folder:
        paths = Paths(root=Path(folder, "root"), run=Path(folder, "run"), data=Path(folder, "data"))
        for each in (paths.root, paths.run, paths.data):
            each.mkdir()
        yield create_app(paths, streams=0), paths, Tokens(paths.api_tokens).make("tests", "write")


@pytest.fixture(scope="module")
def page() -> Iterator[tuple[Flask, Paths, str]]:
    with pytest.MonkeyPatch.context() as patch:
        # What is tried here is what is answered, not how often one may ask.
        patch.setattr(login, "TOKEN_PER_MINUTE", 1e9)
        patch.setattr(login, "TOKEN_BURST", 10**9)
        with served() as found:
            yield found


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(
    ("path", "method"),
    # A stream of events has no end.
    [(path, method) for path, methods in document()["paths"].items() for method in methods if path != "/api/v1/live"],
)
def test_whatever_is_asked_the_answer_is_as_described(
    page: tuple[Flask, Paths, str], path: str, method: str, mode: GenerationMode
) -> None:
    app, paths, token = page
    operation = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)[path][method]
    tried = 0

    @rounds(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        nonlocal tried
        # No schema can say what a time zone or a host name is: those that are none are refused all the same.
        case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, excluded_checks=[positive_data_acceptance])
        assert load(paths.settings).problem == "", "no request leaves settings that are bad"
        tried += 1

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "what takes nothing cannot be asked wrongly"
    else:
        assert tried
