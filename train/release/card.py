"""The model card of a run: what the Hub shows of the model, as Markdown with front matter."""

from collections import Counter
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..data.prepare import PETS
from ..measure.evaluate import table
from ..run import SPLITS, Run, TrainingError, read_json

METRICS = {  # of evaluation.json, and what the Hub calls them
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "fid": "FID",
    "kid": "KID",
    "colourfulness_gap": "Colourfulness distance",
    "agreement": "Agreement of a classifier with true colours",
    "stains": "Stained regions",
}
FIGURES = ("test-gan-spaced.jpg", "test-gan-failures.jpg", "gan-curves.png")


def model_card(run: Run, repository: str, revision: str, license: str | None = None) -> ModelCard:
    """Write the card of a run whose photographs of the test split have been evaluated.

    Args:
        run: a finished run.
        repository: "owner/name", for the commands in the card.
        revision: likewise, its tag.
        license: of the weights; the pets' CC BY-SA 4.0, or "other" for photographs of one's own.

    Raises:
        TrainingError: a file of the run is missing or damaged.
    """
    try:
        recipe, record = read_json(run.recipe_json), run.record()
        evaluation = read_json(run.evaluation("test"))
        splits = Counter(pair.split for split in SPLITS for pair in run.pairs(split))
        photographs = record["prepare"]["photographs"]
        scores = {name: result["rows"]["gan"] for name, result in evaluation.items()}
        tables = "\n\n".join(_tables(name, result) for name, result in evaluation.items())
    except (TrainingError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{run.folder} cannot be published ({error}); run all its steps, evaluate and figures "
            "included"
        ) from error
    pets = photographs == [PETS]
    data = ModelCardData(
        license=license or ("cc-by-sa-4.0" if pets else "other"),
        library_name="colouriser",
        pipeline_tag="image-to-image",
        datasets=["timm/oxford-iiit-pet"] if pets else None,
        tags=["colorization", "image-colorization", "black-and-white", "u-net", "gan"],
        metrics=[name for name in METRICS if name in next(iter(scores.values()))],
        model_name=repository.partition("/")[2],
        eval_results=[
            EvalResult(
                task_type="image-to-image",
                task_name="Colourisation",
                dataset_type="oxford-iiit-pet" if pets else "photographs",
                dataset_name=set_,
                dataset_split="test",
                metric_type=name,
                metric_name=title,
                metric_value=float(f"{of_set[name]:.4g}"),
            )
            for set_, of_set in scores.items()
            for name, title in METRICS.items()
            if name in of_set
        ],
    )
    steps = {
        "Stage 1, the generator alone": "generator",
        "Stage 2, the critic": "critic",
        "Stage 3, both as a GAN": "gan",
    }
    stages = "\n".join(
        f"- {title}: epochs {recipe[f'{step}_epochs']}, minutes {record[step]['seconds'] / 60:.0f}."
        for title, step in steps.items()
    )
    start = record["generator"].get("start")
    packages = ", ".join(f"{k} {v}" for k, v in record["gan"]["packages"].items())
    content = f"""---
{data.to_yaml()}
---

# {data.model_name}

Colours black-and-white photographs: predicts chroma from luma, and keeps the photograph's own luma
at full size. For the colouriser package.

![Greyscale, generated and true photographs, side by side](figures/{FIGURES[0]})

*Photographs of the test split, evenly spaced, not chosen. Those whose colours are farthest from the
truth: [failures](figures/{FIGURES[1]}).*

## Use it

```python
from PIL import Image
from colouriser import Colouriser

colouriser = Colouriser.load("{repository}@{revision}")
colouriser.colourise(Image.open("photo.jpg")).save("coloured.png")
```

On the command line, `colouriser colour photo.jpg -o coloured/ --model {repository}@{revision}`;
as a page, `COLOURISER_MODEL={repository}@{revision} python app.py`.

## How good it is

Test split, central squares, through the public pipeline (`python -m train evaluate RUN --split
test`); below each, the same photographs worn like old ones, compared with the worn photographs in
their true colours.

{tables}

`grey` is the greyscale input itself: what a metric says of doing nothing. `evaluation.json` has all
digits.

## How it was made

- Photographs: {", ".join(photographs)}; {splits["train"]} for training, {splits["valid"]} for
  validation, {splits["test"]} for testing (SHA-256 of all `{record["prepare"]["data"][:16]}`).
- Model: U-Net on {recipe["model"]["encoder"]}; started from {start or "ImageNet's encoder"}.
{stages}
- Recipe `{recipe["name"]}` (all of it in `recipe.json`), seed {recipe["seed"]}.
- Losses, the critic's accuracy and validation metrics over the GAN's epochs:
  [curves](figures/{FIGURES[2]}).
- Machine: {record["gan"]["processor"]}. Packages: {packages}.

## Limits

Colours are plausible, not true: nobody can know the colour of a dress from its grey. It knows best
what its photographs show; elsewhere colours tend to brown, and large surfaces may change colour
half way. Do not pass a coloured photograph off as a colour photograph.

## Licence

{data.license}{", after the photographs that it was trained on" if pets and not license else ""}.
"""
    return ModelCard(content)


def _tables(name: str, result: dict[str, Any]) -> str:
    head = f"**{name}**, n = {result['n']}, {result['size']} px:"
    return "\n\n".join([head, table(result["rows"]), "Worn:", table(result["worn"]["rows"])])
