"""A whole report: read once from the store, written in any form."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from xadapt.experiment import Experiment
from xadapt.report import attention as attended
from xadapt.report import latex, markdown, standing, summary, table, tidy
from xadapt.report.content import Section
from xadapt.report.page import document
from xadapt.report.trainings import Behind, behind
from xadapt.workflow.store import Store


@dataclass(frozen=True)
class Report:
    """What an experiment asked for, and what the store holds of it."""

    asked: Experiment
    name: str
    store: Store
    found: list[table.Result]
    attention: bool = False
    """Also what fusions attend to, by language and layer; the page shows it always."""

    @cached_property
    def board(self) -> standing.Board | None:
        return standing.board(self.asked, self.found)

    @cached_property
    def behind(self) -> Behind:
        return behind(self.found, self.store)

    @cached_property
    def _weights(self) -> list[attended.Entry]:
        return attended.entries(self.found, self.store) if self.attention else []

    @cached_property
    def more(self) -> list[Section]:
        """Tables that were asked for."""
        return attended.sections(self._weights, table.Table.of(self.found))

    def text(self, form: str, facts: Mapping[str, Any]) -> str:
        """The report as `markdown`, `csv`, `json`, `latex` or `html`; `facts` open the document of `json`."""
        match form:
            case "markdown":
                return markdown.page(self.name, self.found, self.board, self.more)
            case "csv":
                return tidy.text(self.found)
            case "latex":
                return latex.tables(self.name, self.found)
            case "html":
                return document(self.name, self.found, self.board, self.behind, about(self.asked))
        return json.dumps({**facts, **self.facts()}, indent=2, ensure_ascii=False) + "\n"

    def facts(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "experiment": self.name,
            "cells": [result.as_json() for result in self.found],
            "summary": summary.summary(self.found),
            "benchmark": summary.benchmark(self.board) if self.board else None,
            **({"attention": self._weights} if self.attention else {}),
        }


def read(asked: Experiment, name: str, store: Store, attention: bool = False) -> Report:
    return Report(asked, name, store, table.results(asked.cells(), store), attention)


def about(asked: Experiment) -> dict[str, str]:
    """What was asked, for the head of a page."""
    toy = asked.data.world == "toyworld"
    selected = dict.fromkeys(cell.selection for cell in asked.cells() if cell.selection)
    seeds = ", ".join(map(str, asked.seeds))
    model = "an encoder of the experiment" if asked.encoder else asked.model.name
    return {
        "encoder": model,
        "data": "the toy world: an invented language family, no result about real languages"
        if toy
        else "real",
        "intermediate": ", ".join(map(str, asked.intermediate.tasks)) or "none",
        "targets": ", ".join(map(str, asked.target.tasks)),
        "seeds": seeds if len(asked.seeds) > 1 else f"{seeds}: the spread over trainings is not known",
        "selection": ", ".join(selected) or "none",
    }
