"""The models that are known by name: where they come from, their licence, and what a company may do.

Revisions are empty: which commit is right can only be seen on the hub, so `pull` resolves the newest one,
writes it into the model's manifest, and takes `--revision` from then on. Where a licence is contradictory or
was not confirmed, the entry says so and counts as "no".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from synres.domain.choice import nearest
from synres.errors import NotFound

Commercial = Literal["yes", "conditions", "no"]

OPENAI_CLIP = "openai/clip-vit-large-patch14"
OPENAI_CLIP_336 = "openai/clip-vit-large-patch14-336"
LLAVA_7B = "liuhaotian/LLaVA-Lightning-7B-v1-1"
LLAVA_13B_LLAMA2 = "liuhaotian/llava-llama-2-13b-chat-lightning-preview"
SAM_VIT_H = "facebook/sam_vit_h_4b8939"


@dataclass(frozen=True, slots=True)
class Licence:
    """`ids` are joined by " AND "; `terms` is one sentence for a company."""

    ids: str
    commercial: Commercial
    terms: str


@dataclass(frozen=True, slots=True)
class KnownModel:
    """`hub` "" means no hub has it: `source` says where its files come from. `needs` are other models."""

    name: str
    backend: str
    licence: Licence
    hub: str = ""
    revision: str = ""
    needs: tuple[str, ...] = ()
    source: str = ""


SHIPPED = Licence("Apache-2.0", "yes", "Trained by this project on rendered scenes; ships with the package.")
MIT_LAION = Licence("MIT", "yes", "MIT; questions about its training data (LAION-2B) remain.")
MIT_CLIP = Licence(
    "MIT",
    "conditions",
    "MIT by OpenAI's code; its model card puts deployed use out of scope, so ask counsel.",
)
CLIPSEG = Licence(
    "Apache-2.0", "conditions", "Apache-2.0 by its card (not confirmed here); it contains OpenAI's CLIP."
)
SANA = Licence(
    "LicenseRef-NVIDIA-SANA AND LicenseRef-Gemma", "no",
    "NVIDIA's page and its licence text contradict each other: non-commercial until counsel decides; Gemma's"
    " terms and use policy must be passed on.",
)  # fmt: skip
SPRINT = Licence(
    "LicenseRef-NVIDIA-SANA AND LicenseRef-Gemma", "no",
    "A converter lists Apache-2.0, which NVIDIA has not confirmed; Gemma's terms must be passed on.",
)  # fmt: skip
LLAMA_1 = Licence(
    "LicenseRef-LLaMA-1", "no", "No licence of its own; it derives from LLaMA 1, which is for research only."
)
LLAMA_2 = Licence(
    "LicenseRef-Llama-2", "no",
    "No licence of its own; it derives from Llama 2, whose terms would allow much: unclear, so ask counsel.",
)  # fmt: skip
LLAMA_UNKNOWN = Licence(
    "LicenseRef-unconfirmed",
    "no",
    "Its licence and that of its language model were not confirmed: ask counsel.",
)
SAM = Licence("Apache-2.0", "yes", "Apache-2.0, as the segment-anything repository says.")
SAM_3 = Licence("LicenseRef-SAM", "conditions", "The SAM License allows commercial use; read its conditions.")


def _coca() -> Iterator[KnownModel]:
    for tag in ("", "mscoco_finetuned_"):
        for size in ("B-32", "L-14"):
            name = f"laion/{tag}CoCa-ViT-{size}-laion2B-s13B-b90k"
            yield KnownModel(name, "coca", MIT_LAION, hub=name)


def _sana() -> Iterator[KnownModel]:
    plain = (f"Sana_{size}_{side}px_diffusers" for size in ("600M", "1600M") for side in ("512", "1024"))
    bf16 = (f"Sana_1600M_{side}px_BF16_diffusers" for side in ("1024", "2K", "4K"))
    newer = (f"SANA1.5_{size}_1024px_diffusers" for size in ("1.6B", "4.8B"))
    for model in (*plain, *bf16, *newer):
        name = f"Efficient-Large-Model/{model}"
        yield KnownModel(name, "sana", SANA, hub=name)
    for size in ("0.6B", "1.6B"):
        name = f"Efficient-Large-Model/Sana_Sprint_{size}_1024px_diffusers"
        yield KnownModel(name, "sana", SPRINT, hub=name)


def _lisa() -> Iterator[KnownModel]:
    for size, licence in (("7B", LLAMA_1), ("13B-llama2", LLAMA_2)):
        for kind in ("", "-explanatory"):
            name = f"xinlai/LISA-{size}-v1{kind}"
            yield KnownModel(name, "lisa", licence, hub=name, needs=(OPENAI_CLIP,))


def _gsva() -> Iterator[KnownModel]:
    links = "the download links of the repository LeapLabTHU/GSVA (one .bin file)"
    unsure = f"{links}; which 13B LLaVA it stands on was not confirmed"
    sizes = (("7b", LLAMA_1, LLAVA_7B, links), ("13b", LLAMA_2, LLAVA_13B_LLAMA2, unsure))
    for size, licence, base, source in sizes:
        for kind in ("pt", "ft-gres", "ft-res"):
            name = f"LeapLabTHU/gsva-{size}-{kind}"
            yield KnownModel(name, "gsva", licence, needs=(base, OPENAI_CLIP), source=source)


def _glamm() -> Iterator[KnownModel]:
    for kind in ("RefSeg", "FullScope", "GCG", "GranD-Pretrained", "RegCap-RefCOCOg", "RegCap-VG"):
        name = f"MBZUAI/GLaMM-{kind}"
        yield KnownModel(name, "glamm", LLAMA_UNKNOWN, hub=name, needs=(OPENAI_CLIP_336,))


def _others() -> Iterator[KnownModel]:
    yield KnownModel("micro", "micro", SHIPPED, source="the package itself: nothing to pull")
    yield KnownModel("CIDAS/clipseg-rd64-refined", "clipseg", CLIPSEG, hub="CIDAS/clipseg-rd64-refined")
    yield KnownModel("facebook/sam3", "sam3", SAM_3, hub="facebook/sam3")
    yield KnownModel(OPENAI_CLIP, "clip", MIT_CLIP, hub=OPENAI_CLIP)
    yield KnownModel(OPENAI_CLIP_336, "clip", MIT_CLIP, hub=OPENAI_CLIP_336)
    yield KnownModel(
        SAM_VIT_H, "sam", SAM, source="the model checkpoints of facebookresearch/segment-anything (ViT-H)"
    )
    yield KnownModel(LLAVA_13B_LLAMA2, "llava", LLAMA_2, hub=LLAVA_13B_LLAMA2, needs=(OPENAI_CLIP, SAM_VIT_H))
    yield KnownModel(
        LLAVA_7B, "llava", LLAMA_1, needs=(OPENAI_CLIP, SAM_VIT_H),
        source="LLaMA 7B with liuhaotian/LLaVA-Lightning-7B-delta-v1-1 added, as LLaVA's model zoo describes",
    )  # fmt: skip


KNOWN: dict[str, KnownModel] = {
    model.name: model for family in (_coca, _sana, _lisa, _gsva, _glamm, _others) for model in family()
}


def known_model(name: str) -> KnownModel:
    """Raises NotFound that names the nearest known one."""
    if name not in KNOWN:
        raise NotFound(f"no model {name!r} is known{nearest(name, KNOWN)}; `synres models list` shows all")
    return KNOWN[name]
