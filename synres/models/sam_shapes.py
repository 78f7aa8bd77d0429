"""SAM's sizes, read from the shapes of a checkpoint's tensors: no published configuration states them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol

from synres.errors import BackendUnavailable
from synres.models.sam import SamSizes


class Shaped(Protocol):
    @property
    def shape(self) -> tuple[int, ...]: ...


def sam_sizes(tensors: Mapping[str, Shaped], root: str, decoder_heads: int = 8) -> SamSizes:
    """`root` is the prefix of SAM's names ("model.visual_model."). The number of the decoder's heads leaves
    no trace in any shape: 8 in every SAM that was published.

    Raises BackendUnavailable when SAM's tensors are not there.
    """
    shapes = {name.removeprefix(root): t.shape for name, t in tensors.items() if name.startswith(root)}
    try:
        return _sizes(shapes, decoder_heads)
    except (KeyError, StopIteration) as error:
        raise BackendUnavailable(
            f"the checkpoint lacks tensors of SAM below {root} ({error}): it is of another family, or needs a"
            " model of SAM beside it (option sam)"
        ) from error


def _sizes(shapes: Mapping[str, tuple[int, ...]], decoder_heads: int) -> SamSizes:
    _, grid, _, width = shapes["image_encoder.pos_embed"]
    patch = shapes["image_encoder.patch_embed.proj.weight"][-1]
    tables = _numbered(shapes, r"image_encoder\.blocks\.(\d+)\.attn\.rel_pos_h")
    global_rows = 2 * grid - 1
    windows = [(rows + 1) // 2 for rows, _ in tables if rows != global_rows]
    decoder = "mask_decoder."
    return SamSizes(
        image_size=grid * patch,
        patch_size=patch,
        encoder_dim=width,
        encoder_depth=len(tables),
        encoder_heads=width // tables[0][1],
        encoder_window_size=windows[0] if windows else grid,
        encoder_global_attn_indexes=tuple(i for i, (rows, _) in enumerate(tables) if rows == global_rows),
        out_chans=shapes["image_encoder.neck.0.weight"][0],
        decoder_depth=len(_numbered(shapes, r"mask_decoder\.transformer\.layers\.(\d+)\.norm1\.weight")),
        decoder_heads=decoder_heads,
        decoder_mlp_dim=shapes[f"{decoder}transformer.layers.0.mlp.lin1.weight"][0],
        iou_head_depth=len(_numbered(shapes, r"mask_decoder\.iou_prediction_head\.layers\.(\d+)\.weight")),
        iou_head_hidden_dim=shapes[f"{decoder}iou_prediction_head.layers.0.weight"][0],
        num_multimask_outputs=shapes[f"{decoder}mask_tokens.weight"][0] - 1,
        mask_in_chans=shapes["prompt_encoder.mask_downscaling.3.weight"][0],
    )


def _numbered(shapes: Mapping[str, tuple[int, ...]], pattern: str) -> list[tuple[int, ...]]:
    """The shapes of the numbered names, in the order of their numbers; KeyError when there are none."""
    found = {int(match[1]): shape for name, shape in shapes.items() if (match := re.fullmatch(pattern, name))}
    if not found:
        raise KeyError(pattern.replace("\\", ""))
    return [found[i] for i in sorted(found)]
