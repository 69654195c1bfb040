"""The papers that a module rests on."""

from collections.abc import Sequence

from xadapt.hub.modules import Shelf
from xadapt.workflow.record import Record

PAPERS = {
    "stilts": (
        "Phang et al. 2020. English Intermediate-Task Training Improves Zero-Shot Cross-Lingual Transfer Too",
        "2005.13013",
    ),
    "bottleneck": ("Pfeiffer et al. 2021. AdapterFusion: Non-Destructive Task Composition", "2005.00247"),
    "parallel": (
        "He et al. 2022. Towards a Unified View of Parameter-Efficient Transfer Learning",
        "2110.04366",
    ),
    "double": ("Houlsby et al. 2019. Parameter-Efficient Transfer Learning for NLP", "1902.00751"),
    "lora": ("Hu et al. 2022. LoRA: Low-Rank Adaptation of Large Language Models", "2106.09685"),
    "dora": ("Liu et al. 2024. DoRA: Weight-Decomposed Low-Rank Adaptation", "2402.09353"),
    "ia3": ("Liu et al. 2022. Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper", "2205.05638"),
    "compacter": (
        "Mahabadi et al. 2021. Compacter: Efficient Low-Rank Hypercomplex Adapter Layers",
        "2106.04647",
    ),
    "prefixtuning": ("Li and Liang 2021. Prefix-Tuning: Optimizing Continuous Prompts", "2101.00190"),
    "languages": ("Pfeiffer et al. 2020. MAD-X: An Adapter-Based Framework", "2005.00052"),
    "ties": ("Yadav et al. 2023. TIES-Merging: Resolving Interference When Merging Models", "2306.01708"),
    "dare": ("Yu et al. 2024. Language Models are Super Mario", "2311.03099"),
}
"""What is used -> (title, arXiv number)."""


def text(shelf: Shelf, made: Sequence[Record]) -> str:
    """A list, and that the data have papers of their own."""
    used = dict.fromkeys(["stilts", *(each for record in made for each in _used(record, shelf))])
    lines = [
        f"- {title}. [arXiv {n}](https://arxiv.org/abs/{n})" for title, n in map(PAPERS.__getitem__, used)
    ]
    return "\n".join([*lines, "", "Cite the data sets of the tables above as their pages ask."])


def _used(record: Record, shelf: Shelf) -> list[str]:
    method = record.fields.get("recipe", {}).get("method", {})
    words = [shelf.method(record), str(method.get("place", "")), "dora" if method.get("dora") else ""]
    words.append(str(record.fields.get("merge", {}).get("how", "")))
    words.append("languages" if record.fields.get("below") or record.fields.get("language") else "")
    return [word for word in words if word in PAPERS]
