"""Which compositions the variants of a method leave undefined: known before a weight loads."""

from dataclasses import fields

from xadapt.composition import Composition
from xadapt.recipe import Method

COMBINED: dict[str, tuple[str, ...]] = {
    "bottleneck": ("invertible",),
    "lora": ("dora",),
}
"""method -> its settings that must be the usual ones in a learned combination (modeling/combined_*.py)."""
UNDEFINED: dict[str, dict[str, tuple[str, ...]]] = {
    "fuse": COMBINED,
    "gate": COMBINED,
    "stack": {"lora": ("dora",)},
    "merge": {"lora": ("dora",)},
}
"""DoRA rescales the whole matrix: its update is no summand."""


def refusal(method: Method, composition: Composition) -> str | None:
    """None when the composition and all inside it are defined for this variant, else why not."""
    if why := undefined(method, composition.form):
        return why
    inner = (part for part in composition.parts if isinstance(part, Composition))
    return next((why for part in inner if (why := refusal(method, part))), None)


def undefined(method: Method, form: str) -> str | None:
    """None when one form is defined for this variant, else why not."""
    settings = UNDEFINED.get(form, {}).get(method.name, ())
    for field in fields(method):
        if field.name in settings and (value := getattr(method, field.name)) != field.default:
            shown = str(value).lower() if isinstance(value, bool) else repr(value)
            return f"{form} is not defined for {method.name} with {field.name} = {shown}"
    return None
