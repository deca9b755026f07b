"""Named training recipes: everything that decides the result, but for the photographs."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from colouriser import ColouriserError, GeneratorConfig
from colouriser.files import write_atomically


@dataclass(frozen=True)
class Recipe:
    """One training run. Sizes are in pixels, rates are the highest of the schedule."""

    name: str
    model: GeneratorConfig = GeneratorConfig()
    imagenet: bool = True  # start the encoder from ImageNet: 4,000 photographs cannot teach it
    seed: int = 42
    sample: int | None = None  # at most so many photographs; all of them unless given
    stored_size: int = 256  # shorter side of the prepared photographs; the size of the metrics
    batch: int = 16  # fits any machine; larger ones learn less per photograph on few photographs
    workers: int = 1  # processes that decode photographs; two cores have none to spare for more
    bfloat16: bool = True  # twice to three times the speed where the processor has it

    generator_size: int = 160  # crops; smaller sees too little of an animal, larger is too slow
    generator_epochs: int = 10
    generator_rate: float = 1e-3
    encoder_share: float = 0.2  # of the rate for the encoder: it already knows what things are

    critic_size: int = 192
    critic_epochs: int = 1  # a short head start: a critic that is always right teaches nothing
    critic_rate: float = 2e-4
    real_label: float = 0.9  # one-sided label smoothing (Salimans et al. 2016)

    gan_size: int = 192
    gan_epochs: int = 8  # the critic takes half the steps
    gan_rate: float = 2e-4  # of the generator's decoder; its encoder gets encoder_share of it
    gan_critic_rate: float = 2e-4
    pixel_weight: float = 10.0  # of mean absolute chroma error, about 0.04, beside critic_weight
    critic_weight: float = 1.0
    critic_threshold: float = 0.68  # the critic trains on until its loss is below; chance is 0.69
    critic_patience: int = 2  # but at most so many steps, or a fooled critic would starve its pupil

    metrics: tuple[str, ...] = ("psnr", "ssim", "lpips", "fid", "kid", "colourfulness")
    watched: int = 128  # photographs of the validation split that are coloured after each epoch


RECIPES = {
    recipe.name: recipe
    for recipe in (
        # Two CPU cores, about an hour: the first weights.
        Recipe("cpu"),
        # A handful of photographs, about a minute: shows that the chain works, not a good colour.
        Recipe(
            "smoke",
            model=GeneratorConfig(decoder=(32, 32, 16, 16)),
            imagenet=False,  # no download
            stored_size=96,
            batch=4,
            workers=0,  # starting a process takes longer than decoding
            bfloat16=False,
            generator_size=64,
            generator_epochs=2,
            critic_size=64,
            gan_size=64,
            gan_epochs=2,
            metrics=("psnr", "ssim", "colourfulness"),  # these need no downloaded networks
            watched=4,
        ),
    )
}


def record(recipe: Recipe, run: Path) -> None:
    """Write the recipe into a run folder, or check that it is the one already there.

    Raises:
        ColouriserError: the folder belongs to another recipe.
    """
    path = run / "recipe.json"
    fields = json.loads(json.dumps(dataclasses.asdict(recipe)))
    if path.exists() and json.loads(path.read_text()) != fields:
        raise ColouriserError(
            f"{run} was made with another recipe; choose another --run or delete the folder"
        )
    text = json.dumps(fields, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
