"""Batches by step: mixture, mosaic and superclass replacement, drawn afresh from pure seeded functions.

Nothing is remembered between batches: batch k is a function of rows, params and k, asked in any order.
A draw of the part `mosaic_from` becomes, with `mosaic_probability`, a mosaic of one real picture (a draw of
another part, if there is one) and 3 to 8 pictures of that part; a draw of another part stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from services.trainer.examples import Example, others_of, pick, reworded, targets_of
from services.trainer.mosaics import SHARED_WEIGHT, MosaicPool, any_object, bystanders, make_mosaic
from services.trainer.nouns import head_span
from services.trainer.picture_cache import PictureCache
from services.trainer.pictures import TrainingPicture, load_pictures, summed_mask, whole_view
from services.trainer.superclasses import MICROWORLD, superclass_table
from services.trainer.trainable import PLAIN, Batch, Manner, Shape
from synres.domain.mixture import IndependentDraws, Mixture
from synres.domain.seeds import derive_seed, rng
from synres.domain.superclass import Replacement, noun_spans, replace_superclass
from synres.domain.types import Expression, Triplet
from synres.errors import InvalidInput
from synres.ledger.ledger import Ledger
from synres.ports import Image, Mask
from synres.stages.params import TrainParams

_MOST_DRAWS = 20
_MOST_PASSED_OVER = 200


class Loader:
    """`needs_target`: pictures that show none of the drawn expressions are passed over.

    Raises MixturePartEmpty for a part with a ratio and no triplets, InvalidInput for unusable params.
    """

    def __init__(
        self, ledger: Ledger, rows: Mapping[str, Sequence[Triplet]], params: TrainParams, shape: Shape,
        needs_target: bool = False,
    ) -> None:  # fmt: skip
        self._params, self._shape, self._needs_target = params, shape, needs_target
        pictures = PictureCache(ledger)
        self._as_original = params.faults == "original"
        self._pools = {part: load_pictures(pictures, of, self._as_original) for part, of in rows.items()}
        sizes = {part: len(pool) for part, pool in self._pools.items()}
        ratios = {part.name: part.ratio for part in params.parts}
        draws = IndependentDraws if self._as_original else Mixture
        self._mixture = draws(derive_seed(params.seed, "mixture"), ratios, sizes)
        real = {part: ratio for part, ratio in ratios.items() if part != params.mosaic_from}
        # without another part (the control), the mosaic's first tile comes from the same one
        real = real if any(real.values()) else ratios
        self._real = draws(derive_seed(params.seed, "real"), real, {part: sizes[part] for part in real})
        self._tiles = MosaicPool(self._pools.get(params.mosaic_from, []))
        self._table = superclass_table(params.superclass_table)
        self._dense = params.mosaic_dense
        # the micro world's results were had without
        self._sees_bystanders = params.superclass_table != MICROWORLD and params.superclass_probability > 0

    def batch(self, step: int, place: int = 0, slices: int = 1) -> Batch:
        """The batch of `step` (0, 1, ...): `batch_size` pictures, up to `expressions_per_picture` of each.

        Or the slice at `place` of so many equal ones. Raises InvalidInput if no object is large enough to be
        seen, in so many draws.
        """
        examples = self._examples(step, place, slices)
        targets = [target for example in examples for target in example.targets]
        return Batch(
            images=[example.image for example in examples],
            owners=np.repeat(np.arange(len(examples)), [len(example.targets) for example in examples]),
            expressions=tuple(expression for expression, _ in targets),
            masks=[mask for _, mask in targets],
            manners=tuple(
                manner
                for example in examples
                for manner in example.manners or (PLAIN,) * len(example.targets)
            ),
            refusals=sum(example.refusals for example in examples),
            passed_over=sum(example.passed_over for example in examples),
            is_original=self._as_original,
            seed=derive_seed(self._params.seed, "wording", step, *([place] if slices > 1 else [])),
        )

    def _examples(self, step: int, place: int, slices: int) -> list[Example]:
        """Those of the step; where nothing in any of them can be seen, some from beyond the last one."""
        count = self._params.batch_size // slices
        for draw in range(_MOST_DRAWS):
            first = (step + draw * (self._params.steps + 1)) * self._params.batch_size + place * count
            examples = [self.example(first + k) for k in range(count)]
            if any(example.targets for example in examples):
                return examples
        raise InvalidInput(
            f"no object can be seen in {_MOST_DRAWS} draws of {count} training pictures at"
            f" {self._shape.side} x {self._shape.side} pixels: give pictures with larger objects"
        )

    def example(self, number: int) -> Example:
        """The example at `number` (0, 1, ...), counted over all steps."""
        part, index = self._mixture.draw(number)
        generator = rng(self._params.seed, "example", number)
        makes_mosaic = generator.random() < self._params.mosaic_probability
        if part == self._params.mosaic_from and makes_mosaic:
            return self._of_mosaic(number, generator)
        example = self._of_picture(self._pools[part][index], number, generator)
        return self._drawn_again(part, number) if self._needs_target and example.shows_nothing else example

    def _drawn_again(self, part: str, number: int) -> Example:
        """Of the same part, until something is there."""
        pool = self._pools[part]
        for passed_over in range(1, _MOST_PASSED_OVER):
            generator = rng(self._params.seed, "example", number, passed_over)
            picture = pool[int(generator.integers(len(pool)))]
            example = self._of_picture(picture, number, generator)
            if not example.shows_nothing:
                return replace(example, passed_over=passed_over)
        raise InvalidInput(
            f"of {part}, {_MOST_PASSED_OVER} drawn pictures show none of their expressions, and this model"
            " learns from those that show one: give the part some, or the ratio 0"
        )

    def _real_tile(self, number: int) -> TrainingPicture:
        """A conversation, or what no expression names, has nothing to cut out: the draws go on."""
        for draw in range(_MOST_PASSED_OVER):
            part, index = self._real.draw(number + draw * (self._params.steps + 1) * self._params.batch_size)
            if self._pools[part][index].targets:
                return self._pools[part][index]
        raise InvalidInput(f"{_MOST_PASSED_OVER} real pictures for mosaics show no target: give some that do")

    def _of_mosaic(self, number: int, generator: np.random.Generator) -> Example:
        real = self._real_tile(number)
        count = int(generator.integers(*self._params.mosaic_tiles, endpoint=True))
        first = any_object(real, generator)
        # nothing is drawn where nothing can follow from it
        if self._dense and generator.random() < self._dense:
            tiles = self._tiles.draw_alike(count, generator)
        else:
            tiles = self._tiles.draw(count, generator)
        places = [(real, first), *tiles]
        seed = derive_seed(self._params.seed, "layout", number)
        mosaic = make_mosaic(places, self._shape.side, seed, self._table)
        names = mosaic.expressions()
        shared = np.array([len(mosaic.named(name)) > 1 for name in names])
        others = bystanders(places, self._shape.side, seed) if self._sees_bystanders else ()
        targets, refusals = {}, 0
        for name in pick(names, np.where(shared, SHARED_WEIGHT, 1.0), self._wanted(names), generator):
            broader = self._broaden(name, mosaic.category(name), others, number)
            refusals += broader.refused
            targets[broader.expression] = mosaic.mask(broader.expression)
        return Example(mosaic.image, tuple(targets.items()), refusals, len(places))

    def _of_picture(self, picture: TrainingPicture, number: int, generator: np.random.Generator) -> Example:
        if any(found.is_talk for found in picture.objects):
            return self._of_talk(picture, generator)
        if self._as_original:
            return self._of_sentences(picture, number, generator)
        image, masks = self._asked(picture, generator)
        targets: dict[Expression, Mask] = {}
        manners: list[Manner] = []
        refusals = 0
        for name, mask in masks.items():
            named = next(found for found in picture.objects if name in found.expressions)
            broader = self._broaden(name, named.category, others_of(picture, name), number)
            refusals += broader.refused
            worded = reworded(broader.expression, named.category, generator)
            if worded not in targets:
                targets[worded] = mask
                manners.append(named.manner)
        return Example(image, tuple(targets.items()), refusals, 1, tuple(manners))

    def _of_talk(self, picture: TrainingPicture, generator: np.random.Generator) -> Example:
        view = whole_view(picture, self._shape.whole(picture.size))
        talks = [found for found in picture.objects if found.is_talk]
        talk = talks[int(generator.integers(len(talks)))]
        nothing = np.zeros(view.image.shape[:2], np.bool_)
        return Example(view.image, ((talk.expressions[0], nothing),), 0, 1, (talk.manner,))

    def _asked(
        self, picture: TrainingPicture, generator: np.random.Generator
    ) -> tuple[Image, dict[Expression, Mask]]:
        """Some expressions with their masks, in a drawn order."""
        size = self._shape.whole(picture.size)
        if size != picture.size:
            view = whole_view(picture, size)
            masks = targets_of(view)
            names = sorted(masks)
            chosen = pick(names, np.ones(len(names)), self._wanted(names), generator)
            return view.image, {name: masks[name] for name in chosen}
        # nothing can vanish, so that no mask is drawn in vain
        names = sorted({expression for found in picture.objects for expression in found.expressions})
        chosen = pick(names, np.ones(len(names)), self._wanted(names), generator)
        named = tuple(found for found in picture.objects if set(chosen).intersection(found.expressions))
        view = whole_view(replace(picture, objects=named), size)
        masks = targets_of(view)
        return view.image, {name: masks[name] for name in chosen}

    def _of_sentences(self, picture: TrainingPicture, number: int, generator: np.random.Generator) -> Example:
        """As the originals draw: among all that was ever said, each with the mask that it was said of."""
        said = [(found, expression) for found in picture.objects for expression in found.expressions]
        count = self._params.expressions_per_picture
        if len(said) > count:
            said = [said[k] for k in generator.choice(len(said), count, replace=False)]
        objects = tuple(dict.fromkeys(found for found, _ in said))
        view = whole_view(replace(picture, objects=objects), self._shape.whole(picture.size))
        masks = dict(zip(objects, view.masks, strict=True))
        targets, manners, refusals = [], [], 0
        for found, name in said:
            if found.has_target and not masks[found].any():
                continue
            broader = self._broaden(name, found.category, others_of(picture, name), number)
            refusals += broader.refused
            worded = reworded(broader.expression, found.category, generator)
            targets.append((worded, summed_mask(found, masks[found])))
            manners.append(found.manner)
        return Example(view.image, tuple(targets), refusals, 1, tuple(manners))

    def _wanted(self, names: Sequence[Expression]) -> int:
        return min(len(names), self._params.expressions_per_picture)

    def _broaden(
        self, expression: Expression, category: str, others: Sequence[tuple[str, Expression]], number: int
    ) -> Replacement:
        seed = derive_seed(self._params.seed, "superclass", number, expression)
        probability = self._params.superclass_probability
        # every noun of the micro world's own words names its target, and it needs no parser
        if self._params.superclass_table == MICROWORLD:
            spans = noun_spans(expression, self._table)
        else:
            spans = head_span(expression, category, self._table) if probability else []
        return replace_superclass(expression, spans, self._table, probability, seed, others)
