"""`memllm train draft`: data in, a folder with checkpoint, log, weights and configuration out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer, BertModel

from memllm_cli.corpora.annotated import Annotated
from memllm_cli.errors import DamagedError, NotFound
from memllm_cli.files import sha256
from memllm_cli.memory.values.relations import Relation
from memllm_cli.pieces import Vocabulary
from memllm_cli.tensors import read_safetensors
from memllm_cli.training.draft_calibrate import calibrate
from memllm_cli.training.draft_data import examples
from memllm_cli.training.draft_model import DraftModel, Sizes
from memllm_cli.training.draft_train import Settings, Trainer, drafter, figures
from memllm_cli.training.loop import Report, hush, kept

WEIGHTS, CONFIGURATION = "drafter.safetensors", "drafter.json"


@dataclass(frozen=True, slots=True)
class Known:
    """A relation the drafter learns: its external id, how it is written, and what it means."""

    external: str
    name: str
    description: str

    @property
    def text(self) -> str:
        """What is embedded to stand for it."""
        return f"{self.name}: {self.description}"


def known(table: Sequence[Relation], wanted: Sequence[str]) -> list[Known]:
    """The relations with one of the external ids, in their order. A second id of a row is its other direction."""
    found: dict[str, Known] = {}
    for relation in table:
        ids = relation.external.split("|")
        found[ids[0]] = Known(ids[0], relation.name, relation.description)
        for other in ids[1:]:
            found[other] = Known(
                other, relation.inverse, f"the other direction of {relation.name}, {relation.description}"
            )
    return [found[i] for i in wanted if i in found]


def run(
    encoder: Path,
    texts: Sequence[Annotated],
    tuning: Sequence[Annotated],
    relations: Sequence[Known],
    folder: Path,
    settings: Settings,
    report: Report,
    seconds: float = math.inf,
    sources: Sequence[Path] = (),
    progress: Callable[[str], None] = lambda text: None,
    sizes: Sizes | None = None,
    start: Sequence[Path] = (),
) -> bool:
    """Train, or go on with what the folder holds; True when complete, and then the weights are there too."""
    hush()
    torch.manual_seed(settings.seed)
    if not relations:
        raise NotFound("No relation of the data is in the table of relations.", "See kb/README.md for its column `id`.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    vocabulary = vocabulary_of(encoder)
    index = {r.external: i for i, r in enumerate(relations)}
    pool = [e for text in texts for e in examples(text, vocabulary, index)]
    sizes = sizes or Sizes()
    model = DraftModel(encoder, described(encoder, [r.text for r in relations]), sizes).to(device)
    if start:
        begin_from(model, start, relations)
    data = {p.name: sha256(p) for p in sources}
    began = {f"from {p}": sha256(p / WEIGHTS) for p in start}
    trainer = Trainer(model, settings, pool, folder, vocabulary.mask, {**data, **began})
    resumed = trainer.resume(device)
    report({"examples": len(pool), "steps": trainer.steps, "resumed_at": trainer.step if resumed else 0})
    ids = [r.external for r in relations]

    def evaluate() -> dict[str, float]:
        trainer.swap()
        try:
            return figures(drafter(model, vocabulary), tuning, ids)
        finally:
            trainer.swap()

    complete = trainer.run(evaluate, report, seconds, progress)
    trainer.swap()
    fitted = calibrate(drafter(model, vocabulary), texts, tuning, ids)
    about = {
        "calibration": fitted,
        "settings": asdict(settings),
        "sizes": asdict(sizes),
        "steps": trainer.step,
        "complete": complete,
        "data": data,
        "last": trainer.history[-1:],
    }
    save(model, relations, folder, about)
    trainer.swap()
    return complete


def begin_from(model: DraftModel, folders: Sequence[Path], relations: Sequence[Known]) -> None:
    """Take the mean weights of earlier runs; relations that none of them knew begin with their description.

    Runs that began from the same weights can be averaged (Wortsman et al. 2022, model soups); a relation that only
    some of them knew is the average of those. Raises NotFound when a folder holds no weights.
    """
    own = model.state_dict()
    total: dict[str, Tensor] = {}
    rows, bias = torch.zeros_like(model.rows), torch.zeros_like(model.bias)
    seen = torch.zeros(len(relations), device=rows.device)
    for folder in folders:
        try:
            tensors = {
                k: torch.tensor(np.asarray(v, np.float32)) for k, v in read_safetensors(folder / WEIGHTS).items()
            }
            known_ = json.loads((folder / CONFIGURATION).read_text(encoding="utf-8"))["relations"]
        except (OSError, KeyError, ValueError, DamagedError) as error:
            raise NotFound(
                f"There is nothing to start from in {folder}: {error}", "Give a folder of `train draft`."
            ) from error
        state = model.named_as_trained(tensors)
        for name, value in state.items():
            total[name] = total.get(name, 0) + value.to(rows.device) / len(folders)
        before = {r["external"]: i for i, r in enumerate(known_)}
        share = own["descriptions"] @ state["project.weight"].T.to(rows.device)
        offset = (own["descriptions"] @ state["project_bias.weight"].T.to(rows.device))[:, 0]
        for i, relation in enumerate(relations):
            if (j := before.get(relation.external)) is not None:
                rows[i] += tensors["heads.rows"][j].to(rows.device) - share[i]
                bias[i] += tensors["heads.bias"][j].to(rows.device) - offset[i]
                seen[i] += 1
    rows, bias = rows / seen.clamp(min=1)[:, None], bias / seen.clamp(min=1)
    model.load_state_dict({**own, **total, "rows": rows.detach(), "bias": bias.detach()})


def save(model: DraftModel, relations: Sequence[Known], folder: Path, about: dict[str, Any]) -> None:
    """Write the weights in half precision (encoder without the vectors of the pieces, which stay) and what they are."""
    encoder = {
        f"encoder.{k}": v
        for k, v in model.encoder.state_dict().items()
        if not k.startswith("embeddings.word_embeddings") and v.dtype.is_floating_point
    }
    heads = {f"heads.{k}": v for k, v in model.head_weights().items()}
    tensors = {k: v.detach().cpu().half().contiguous() for k, v in {**encoder, **heads}.items()}
    save_file(tensors, folder / WEIGHTS)
    digest = sha256(folder / WEIGHTS)
    about = {
        "relations": [asdict(r) for r in relations],
        **about,
        **kept(folder / CONFIGURATION, digest, "combination"),
    }
    about["weights_sha256"] = digest
    (folder / CONFIGURATION).write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def vocabulary_of(encoder: Path) -> Vocabulary:
    """The word pieces of an encoder's folder."""
    pieces = AutoTokenizer.from_pretrained(str(encoder)).get_vocab()
    return Vocabulary(sorted(pieces, key=lambda p: pieces[p]))


@torch.no_grad()
def described(encoder: Path, texts: Sequence[str]) -> Tensor:
    """Unit vectors of descriptions by the encoder as it came: the mean of its token vectors."""
    tokenizer = AutoTokenizer.from_pretrained(str(encoder))
    model = BertModel.from_pretrained(str(encoder), add_pooling_layer=False).eval()
    tokens = tokenizer(list(texts), padding=True, truncation=True, max_length=128, return_tensors="pt")
    vectors = model(**tokens).last_hidden_state
    mask = tokens["attention_mask"][..., None]
    return torch.nn.functional.normalize((vectors * mask).sum(1) / mask.sum(1), dim=-1)
