"""The card of an experiment: its modules, and their scores by task and language."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from xadapt.hub import citations, facts
from xadapt.hub.address import Address
from xadapt.hub.bundle import Bundle
from xadapt.hub.card import checked, cost, data_table, made_of, table, written
from xadapt.hub.carried import Rows, Scored
from xadapt.hub.facts import Base
from xadapt.hub.metadata import PIPELINES, VECTORS, library, licence
from xadapt.hub.modules import MAKERS, Shelf
from xadapt.workflow.record import Record


def card(bundle: Bundle, address: Address, command: str, license: str = "") -> str:
    """README.md of `bundle.every`. Raises ConfigError where something must be said that no record says."""
    shelf = bundle.shelf
    modules = [each for each in bundle.stages.values() if each.kind in MAKERS]
    names, pushed = _names(modules, shelf), [each.digest for each in bundle.stages.values()]
    scores = [(names[each.digest], facts.scores(each, shelf, pushed)) for each in modules]
    data = facts.stated((rows for each in modules for rows in facts.trained_on(each, shelf)), license)
    grounds = list(dict.fromkeys(facts.base(each) for each in modules))
    head = _metadata(modules, grounds, data, scores, license)
    body = [
        f"# {address.name}",
        f"{len(modules)} modules and their scores, by xadapt, on {_named(grounds)}.",
        "## Use",
        _use(address),
        "## Modules",
        made_of({folder: each for folder, each in bundle.stages.items() if each.kind in MAKERS}, shelf),
        "## Scores",
        *_scores(scores),
        "## Training data",
        data_table(data),
        "## Cost",
        cost({folder: each for folder, each in bundle.stages.items() if each.kind in MAKERS}),
        "## Make it again",
        f"```\n{command}\n```",
        "## Limits",
        "- Scores are in percent, those of the languages of the tables; nothing is known of others.\n"
        "- ~: the 95 % interval of a score reaches the best constant answer.",
        "## Citation",
        citations.text(shelf, modules),
    ]
    return checked(written(head, body))


def _names(modules: Sequence[Record], shelf: Shelf) -> dict[str, str]:
    """Digest -> what a module is called, with its digest where several are called so."""
    names = {each.digest: shelf.described(each) for each in modules}
    count = Counter(names.values())
    return {digest: f"{name} ({digest[:12]})" if count[name] > 1 else name for digest, name in names.items()}


def _metadata(
    modules: Sequence[Record],
    grounds: Sequence[Base],
    data: Sequence[Rows],
    scores: Sequence[tuple[str, list[Scored]]],
    license: str,
) -> dict[str, Any]:
    libraries = sorted({library(each) for each in modules})
    hosted = [each.name for each in grounds if each.on_hub]
    pipelines = sorted({PIPELINES[one.type] for _, found in scores for one in found})
    datasets = sorted({each.dataset for each in data if each.dataset})
    metrics = sorted({one.metric for _, found in scores for one in found})
    return {
        **({"base_model": hosted[0], "base_model_relation": "adapter"} if len(hosted) == 1 else {}),
        **({"datasets": datasets} if datasets else {}),
        "language": sorted({str(each.fields.get("language") or "en") for each in modules}),
        "library_name": libraries[0] if len(libraries) == 1 else "xadapt",
        **licence(data, license),
        **({"metrics": metrics} if metrics else {}),
        "pipeline_tag": pipelines[0] if len(pipelines) == 1 else VECTORS,
        "tags": sorted({*libraries, "cross-lingual-transfer", "xadapt"}),
        "model-index": [{"name": name, "results": _results(found)} for name, found in scores if found],
    }


def _results(scores: Sequence[Scored]) -> list[dict[str, Any]]:
    """One for each test, the mean over its languages without English; the tables have each language."""
    found = []
    for test, own in facts.tests(scores).items():
        if (mean := facts.mean(own)) is None:
            continue
        value, languages = mean
        name = f"{own[0].metric}, zero-shot mean over {languages} languages"
        dataset = {"name": test, "type": own[0].rows.dataset or own[0].task}
        metric = {"type": own[0].metric, "value": value, "name": name}
        found.append({"task": {"type": PIPELINES[own[0].type]}, "dataset": dataset, "metrics": [metric]})
    return found


def _named(grounds: Sequence[Base]) -> str:
    return ", ".join(each.described for each in grounds)


def _use(address: Address) -> str:
    stated = (
        "Each stage, checked against its `record.json`, gets its own digest in the store and need not run:"
    )
    own = f"xadapt pull {address.path}\nxadapt report EXPERIMENT --languages    # the file that pull names"
    folder = "loads with `adapters` (`load_adapter(FOLDER, use_safetensors=True)`) or `peft`."
    return f"{stated}\n\n```\n{own}\n```\n\nEach folder below `modules` {folder}"


def _scores(scores: Sequence[tuple[str, list[Scored]]]) -> list[str]:
    """A table for each test: modules by languages."""
    by_test = [(name, facts.tests(found)) for name, found in scores]
    tests = sorted({test for _, found in by_test for test in found})
    return [part for test in tests for part in (f"### {test}", _of_test(test, by_test))] or [
        "None has been scored."
    ]


def _of_test(test: str, by_test: Sequence[tuple[str, dict[str, list[Scored]]]]) -> str:
    own = {name: found[test] for name, found in by_test if test in found}
    languages = list(dict.fromkeys(one.language for found in own.values() for one in found))
    rows = [
        (name, *(", ".join(_shown(one) for one in found if one.language == code) for code in languages))
        for name, found in own.items()
    ]
    return table(("module", *languages), rows)


def _shown(score: Scored) -> str:
    return f"{score.value:.1f}" + ("~" if score.at_chance else "")
