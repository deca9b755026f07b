"""Named training recipes: everything that decides the result, but for the photographs."""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, TypeVar

from colouriser import GeneratorConfig

from .data.hints import HintConfig


@dataclass(frozen=True)
class Recipe:
    """One training run. Sizes are in pixels, rates are the highest of the schedule."""

    name: str
    model: GeneratorConfig = GeneratorConfig()
    goes_on: bool = False  # from a model (--start), whose encoder and decoder it takes
    own_labels: bool = False  # stage 1 learns what its start paints, see stages/generator.py
    imagenet: bool = True  # start the encoder from ImageNet: our photographs are too few to
    seed: int = 42
    sample: int | None = None  # at most so many photographs; all of them unless given
    stored_size: int = 256  # shorter side of the prepared photographs; the size of the metrics
    batch: int = 24  # fits any machine; larger ones learn less per photograph
    epoch_crops: int | None = None  # crops of an epoch; as many as photographs unless given
    smallest_crop: float = 0.5  # share of a photograph; smaller ones show fur without the animal
    degraded: float = 0.4  # share of crops whose luma is degraded as old photographs are
    printed: float = 0.1  # share that is set into a print, or is a paper without any photograph
    even: float = 0.0  # share that is one even tone; a few prints are so, too
    bfloat16: bool = True  # half as fast again or more, where the processor has it

    generator_epochs: int = 12
    small_epochs: int = 9  # of them, on small crops
    small_size: int = 128  # crops: twice as many in the same time, and most of what there is to see
    generator_size: int = 160  # crops of the other epochs: where things end
    pixel_loss: str = "psnr"  # or "mse"; mse is ruled by the few very colourful photographs
    palette_weight: float = 0.5  # of the palette's cross-entropy, about 3; of psnr, for a decibel
    rarity: float = 0.9  # 1: all colours count alike; toward 0 rare ones more, at the cost of grey
    hints: HintConfig = HintConfig()
    generator_rate: float = 1e-3
    encoder_share: float = 0.3  # of the rate for the encoder: it already knows what things are
    cool_down: float = 0.55  # share of the steps in which rates fall
    generator_average: float = 0.998  # of the weights over the steps: about the last 500

    critic: str = "features"  # of a frozen ImageNet network; or "pixels", the original's
    critic_size: int = 128
    critic_epochs: int = 1  # a short head start: a critic that is always right teaches nothing
    critic_rate: float = 5e-4
    fakes: int | None = 1500  # generated training photographs for it; all unless given
    real_label: float = 0.9  # one-sided label smoothing (Salimans et al. 2016)

    gan_epochs: int = 3
    gan_small_epochs: int = 0  # on small crops, as in stage 1
    gan_small_size: int = 128
    gan_size: int = 128
    gan_hinted: float = 0.3  # share of crops with hints: fewer, since these look real already
    gan_rate: float = 3e-4  # of the generator's decoder; its encoder gets encoder_share of it
    gan_critic_rate: float = 1e-3  # faster than its pupil, or it is fooled within an epoch
    pixel_weight: float = 1.0  # of the pixel loss; of psnr, for a decibel
    perceptual_weight: float = 2.0  # of a distance of about 0.8 (stages/eyes.py)
    recognition_weight: float = 1.0  # of what a classifier takes it for, against the truth
    vividness_weight: float = 4.0  # of the relative difference in colourfulness, about 0.15
    critic_weight: float = 0.3  # of the adversarial loss, about 1; more, and errors cost too little
    critic_threshold: float | None = None  # None: both networks learn from each batch; otherwise
    # they take turns, and the critic's ends when its loss is below; chance is 0.69
    gan_average: float = 0.998  # of the generator's weights over its steps
    start_share: float = 0.0  # of the start in what going on leaves (`between`)

    metrics: tuple[str, ...] = (
        "psnr",
        "ssim",
        "lpips",
        "fid",
        "kid",
        "colourfulness",
        "recognition",
        "agreement",
        "stains",
    )
    watched: int = 128  # photographs of the validation split that are coloured after each epoch


RECIPES = {
    recipe.name: recipe
    for recipe in (
        # Two CPU cores, two hours.
        Recipe("cpu", epoch_crops=6_000),  # an epoch of minutes: what is killed loses little
        # From a trained model (--start), to go on or on photographs of another kind: stage 3 alone.
        Recipe(
            "finetune",
            goes_on=True,
            epoch_crops=3_000,
            generator_epochs=0,
            critic_size=192,
            critic_epochs=3,  # what goes on is hard to tell from real
            gan_epochs=6,
            gan_size=192,  # near the 224 at which photographs are looked at
            gan_rate=1e-4,  # less: what is known should not be lost
            perceptual_weight=4.0,
            recognition_weight=1.5,
            vividness_weight=6.0,  # the two above make pale
            critic_weight=3.0,
            start_share=0.75,  # with half, KID was worse, of pets above all
        ),
        # From a model, which should stay as it is on photographs: even tones, papers and what lies
        # around photographs without colour, and these as if they were alone. Stage 1 alone.
        Recipe(
            "consistent",
            goes_on=True,
            own_labels=True,
            epoch_crops=1_500,
            degraded=0.0,  # nobody knows what is worn away: pale where it is unsure
            printed=0.04,
            even=0.06,
            generator_epochs=2,
            small_epochs=0,
            generator_size=192,
            generator_rate=1e-4,
            encoder_share=0.1,
            palette_weight=0.0,  # labels are one colour a place; a palette is all that are likely
            generator_average=0.99,
            critic_epochs=0,
            gan_epochs=0,
            start_share=0.3,  # enough for even tones; with less of it, KID of pets was worse
        ),
        # One GPU with 24 GB.
        Recipe(
            "gpu",
            batch=128,  # a GPU waits for Python with less
            generator_epochs=18,
            small_epochs=10,
            small_size=160,
            generator_size=224,
            generator_rate=2e-3,  # for the larger batch
            gan_small_size=160,
            gan_size=224,
        ),
        # The original project's schedule and kind of critic, to compare with.
        Recipe(
            "reference",
            degraded=0.0,
            printed=0.0,
            model=GeneratorConfig(
                encoder="resnet18", attention=False, hints=False, palette=0, mean=0.0
            ),
            batch=16,
            generator_epochs=2,
            small_epochs=0,
            pixel_loss="mse",
            generator_average=0.0,  # the weights of the last step
            critic="pixels",
            critic_size=192,
            critic_epochs=6,
            critic_rate=2e-4,
            fakes=None,
            real_label=1.0,
            gan_epochs=10,
            gan_small_epochs=0,
            gan_size=192,
            gan_rate=2e-4,
            gan_critic_rate=2e-4,
            perceptual_weight=0.0,
            recognition_weight=0.0,
            vividness_weight=0.0,
            critic_weight=1.0,
            critic_threshold=0.65,  # fastai's examples' value
            gan_average=0.0,  # the weights of the last step
        ),
        # A handful of photographs, about a minute: shows that the chain works, not a good colour.
        Recipe(
            "smoke",
            model=GeneratorConfig(encoder="efficientnet_lite0", decoder=(32, 32, 16, 16)),
            imagenet=False,  # no download
            stored_size=96,
            batch=4,
            bfloat16=False,
            generator_size=64,
            small_size=48,
            generator_epochs=2,
            small_epochs=1,
            generator_average=0.5,
            gan_average=0.5,
            critic="pixels",  # no download
            critic_size=64,
            gan_small_epochs=1,
            gan_small_size=48,
            gan_size=64,
            gan_epochs=2,
            perceptual_weight=0.0,  # no download
            recognition_weight=0.0,
            metrics=("psnr", "ssim", "colourfulness"),  # these need no downloaded networks
            watched=4,
        ),
    )
}

T = TypeVar("T")


def from_fields(default: T, fields: dict[str, Any]) -> tuple[T, list[str], list[str]]:
    """A dataclass from recorded fields, with those of a default where none is recorded.

    Returns:
        It, the names of recorded fields that it does not know, and of those that were not recorded.

    Raises:
        TypeError: a value is of another kind.
    """
    known = {field.name for field in dataclasses.fields(default)}  # type: ignore[arg-type]
    kinds = typing.get_type_hints(type(default))
    unknown, missing = sorted(fields.keys() - known), sorted(known - fields.keys())
    values: dict[str, Any] = {}
    for name in known & fields.keys():
        own, value = getattr(default, name), fields[name]
        if dataclasses.is_dataclass(own):
            if not isinstance(value, dict):
                raise TypeError(f"{name} is no object")
            value, more_unknown, more_missing = from_fields(own, value)
            unknown += [f"{name}.{n}" for n in more_unknown]
            missing += [f"{name}.{n}" for n in more_missing]
        elif isinstance(own, tuple) and isinstance(value, list):
            value = tuple(value)  # JSON has no tuples
        if not _is_a(value, kinds[name]):
            raise TypeError(f"{name} cannot be {value!r}")
        values[name] = value
    return dataclasses.replace(default, **values), unknown, missing  # type: ignore[type-var]


def _is_a(value: object, kind: Any) -> bool:
    if isinstance(kind, types.UnionType):
        return any(_is_a(value, one) for one in typing.get_args(kind))
    kind = typing.get_origin(kind) or kind
    if kind is float:
        return type(value) in (int, float)
    return type(value) is kind
