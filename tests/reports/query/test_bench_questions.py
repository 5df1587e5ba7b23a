"""The benches ask questions that the engine accepts; else nobody would notice before the next measurement."""

from __future__ import annotations

import pytest

from reports.query import Query, ask
from tests.bench.questions import NOW, Question, dashboard, questions
from tests.support.types import Store

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_every_question_of_the_bench_is_answered(question: Question, store: Store) -> None:
    assert ask(question.query, now=NOW).rows is not None


@pytest.mark.parametrize("query", dashboard(), ids=lambda query: "-".join((*query.metrics, *query.dimensions)))
def test_every_panel_of_the_bench_is_answered(query: Query, store: Store) -> None:
    assert ask(query, now=NOW).rows is not None
