"""Named training recipes: everything that decides the result, but for the photographs."""

from dataclasses import dataclass

from colouriser import GeneratorConfig

from .data.hints import HintConfig


@dataclass(frozen=True)
class Recipe:
    """One training run. Sizes are in pixels, rates are the highest of the schedule."""

    name: str
    model: GeneratorConfig = GeneratorConfig()
    imagenet: bool = True  # start the encoder from ImageNet: our photographs are too few to
    seed: int = 42
    sample: int | None = None  # at most so many photographs; all of them unless given
    stored_size: int = 256  # shorter side of the prepared photographs; the size of the metrics
    batch: int = 16  # fits any machine; larger ones learn less per photograph on few photographs
    workers: int = 1  # processes that decode photographs; two cores have none to spare for more
    resident: bool = False  # photographs in the device's memory, where crops are cut too: for GPUs,
    # which learn faster than processors decode (data/resident.py); with several processes never
    rounds: int = 1  # how often an epoch shows the photographs, if they are resident
    smallest_crop: float = 0.5  # share of a photograph; smaller ones show fur without the animal
    aged: float = 0.4  # share of grey photographs that are worn (data/aging.py)
    bfloat16: bool = True  # two to three times the speed, where the processor has it

    generator_epochs: int = 11
    small_epochs: int = 5  # of them, on small crops
    small_size: int = 128  # crops: twice as many in the same time, and most of what there is to see
    generator_size: int = 192  # crops of the other epochs: where things end
    pixel_loss: str = "psnr"  # or "mse"; mse is ruled by the few very colourful photographs
    palette_weight: float = 0.5  # of the palette's cross-entropy, about 3; of psnr, for a decibel
    rarity: float = 0.9  # 1: all colours count alike; toward 0 rare ones more, at the cost of grey
    hints: HintConfig = HintConfig()
    generator_rate: float = 1e-3
    encoder_share: float = 0.3  # of the rate for the encoder: it already knows what things are
    cool_down: float = 0.55  # share of the steps in which rates fall
    generator_average: float = 0.998  # of the weights over the steps: about the last 500

    critic: str = "features"  # of ImageNet (stages/critic.py); or "pixels", the original's
    critic_size: int = 192
    critic_epochs: int = 1  # a short head start: a critic that is always right teaches nothing
    critic_rate: float = 2e-4
    fakes: int | None = 1500  # generated training photographs for it; all unless given
    real_label: float = 0.9  # one-sided label smoothing (Salimans et al. 2016)

    gan_size: int = 192
    gan_batch: int = 16  # photographs; stage 2 shows as many real ones and as many generated
    gan_mix: tuple[float, float] = (0.45, 0.7)  # factors on head and palette's mean in what it is
    # about (colouriser/generator.py): so it begins with the better of both (docs/results.md)
    gan_epochs: int = 3
    gan_rate: float = 1e-4  # of the generator's decoder; its encoder gets encoder_share of it
    gan_critic_rate: float = 1e-3  # faster than its pupil, or it is fooled within an epoch
    pixel_weight: float = 1.0  # of the pixel loss; of psnr, for a decibel
    perceptual_weight: float = 2.0  # of a distance of about 0.8 (stages/features.py)
    vividness_weight: float = 4.0  # of the relative difference in colourfulness, about 0.15: above
    # what a decibel weighs, colour that is right costs (docs/results.md)
    critic_weight: float = 0.3  # of the adversarial loss, about 1; with more, errors that it likes
    # cost too little (docs/results.md)
    generator_turn: int = 2  # steps; the same colours with a better KID than 1 (docs/results.md)
    critic_turn: int = 1  # steps of the critic at most, between two of the generator
    critic_threshold: float = 0.0  # its turn ends before when its loss is below; chance is 0.69
    gan_average: float = 0.995  # of the generator's weights over its steps: about an epoch of them
    # Factors on the head that the GAN left and on the palette's mean (stages/blend.py):
    detailed: tuple[float, float] = (1.36, 0.61)  # in photographs that need detail, as fur does
    even: tuple[float, float] | None = (0.35, 1.04)  # where detail does harm: it stains
    even_steps: int = 400  # each a batch, to tell sets apart: half of our photographs, once
    even_rate: float = 2e-2  # of a single linear layer

    metrics: tuple[str, ...] = (
        "psnr",
        "ssim",
        "lpips",
        "fid",
        "kid",
        "colourfulness",
        "agreement",
        "stains",
    )
    watched: int = 128  # photographs of the validation split that are coloured after each epoch


RECIPES = {
    recipe.name: recipe
    for recipe in (
        # Two CPU cores, a night.
        Recipe("cpu"),
        # From a trained model (--start), to go on or on photographs of another kind.
        Recipe(
            "finetune",
            generator_epochs=3,
            small_epochs=0,
            generator_rate=5e-4,  # half: what is known should not be lost
        ),
        # One GPU with 24 GB and 16 cores: some minutes (docs/training.md says what of it was run).
        Recipe(
            "gpu",
            batch=128,  # a GPU waits for Python with less
            workers=16,
            resident=True,
            rounds=3,  # what is measured after an epoch takes half as long as a round
            generator_epochs=6,  # 18 rounds; of 72, those from the 13th on taught the photographs
            # by heart: on others PSNR fell (docs/results.md)
            small_epochs=3,
            small_size=160,
            generator_size=224,
            generator_rate=2e-3,  # for the larger batch
            gan_batch=64,
            gan_size=224,
            gan_rate=1.5e-4,
            gan_critic_rate=1.5e-3,
        ),
        # The original project's schedule and kind of critic, to compare with.
        Recipe(
            "reference",
            aged=0.0,
            model=GeneratorConfig(hints=False, palette=0),
            generator_epochs=2,
            small_epochs=0,
            pixel_loss="mse",
            generator_average=0.0,  # the weights of the last step
            critic="pixels",
            critic_epochs=6,
            fakes=None,
            real_label=1.0,
            gan_epochs=10,
            gan_mix=(1.0, 0.0),  # it has no palette
            gan_rate=2e-4,
            gan_critic_rate=2e-4,
            perceptual_weight=0.0,
            vividness_weight=0.0,
            critic_weight=1.0,
            generator_turn=1,
            critic_turn=1000,  # no bound
            critic_threshold=0.65,  # fastai's examples' value
            gan_average=0.0,  # the weights of the last step
            detailed=(1.0, 0.0),
            even=None,
        ),
        # A handful of photographs, about a minute: shows that the chain works, not a good colour.
        Recipe(
            "smoke",
            model=GeneratorConfig(decoder=(32, 32, 16, 16)),
            imagenet=False,  # no download
            stored_size=96,
            batch=4,
            gan_batch=4,
            workers=0,  # starting a process takes longer than decoding
            bfloat16=False,
            generator_size=64,
            small_size=48,
            generator_epochs=2,
            small_epochs=1,
            generator_average=0.5,
            gan_average=0.5,
            critic="pixels",  # no download
            critic_size=64,
            gan_size=64,
            gan_epochs=2,
            perceptual_weight=0.0,  # no download
            even_steps=10,
            metrics=("psnr", "ssim", "colourfulness"),  # these need no downloaded networks
            watched=4,
        ),
    )
}
