"""The model card of a run: what the Hub shows of the model, as Markdown with front matter."""

import csv
import json
from collections import Counter
from pathlib import Path

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from colouriser import ColouriserError

from .evaluate import table
from .prepare import PETS

METRICS = {  # of evaluation.json, and what the Hub calls them
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "fid": "FID",
    "kid": "KID",
    "colourfulness_gap": "Colourfulness distance",
}
FIGURES = ("test-gan-spaced.jpg", "test-gan-failures.jpg", "gan-curves.png")


def model_card(run: Path, repository: str, revision: str, license: str | None = None) -> ModelCard:
    """Write the card of a run whose photographs of the test split have been evaluated.

    Args:
        run: a finished run folder.
        repository: "owner/name", for the commands in the card.
        revision: likewise, its tag.
        license: of the weights; the pets' CC BY-SA 4.0, or "other" for photographs of one's own.

    Raises:
        ColouriserError: a file of the run is missing or damaged.
    """
    try:
        recipe = json.loads((run / "recipe.json").read_text())
        record = json.loads((run / "record.json").read_text())
        evaluation = json.loads((run / "evaluation" / "test.json").read_text())
        with open(run / "pairs.csv", newline="") as file:
            splits = Counter(row["split"] for row in csv.DictReader(file))
        photographs = record["prepare"]["photographs"]
        scores = evaluation["rows"]["gan"]
    except (OSError, ValueError, KeyError) as error:
        raise ColouriserError(
            f"{run} cannot be published ({error}); run all its steps, evaluate and figures included"
        ) from error
    pets = photographs == [PETS]
    data = ModelCardData(
        license=license or ("cc-by-sa-4.0" if pets else "other"),
        library_name="colouriser",
        pipeline_tag="image-to-image",
        datasets=["timm/oxford-iiit-pet"] if pets else None,
        tags=["colorization", "image-colorization", "black-and-white", "u-net", "gan"],
        metrics=[name for name in METRICS if name in scores],
        model_name=repository.partition("/")[2],
        eval_results=[
            EvalResult(
                task_type="image-to-image",
                task_name="Colourisation",
                dataset_type="oxford-iiit-pet" if pets else "photographs",
                dataset_name=", ".join(photographs),
                dataset_split="test",
                metric_type=name,
                metric_name=title,
                metric_value=float(f"{scores[name]:.4g}"),
            )
            for name, title in METRICS.items()
            if name in scores
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

On the command line, `python -m colouriser photo.jpg -o coloured/ --model {repository}@{revision}`;
as a page, `COLOURISER_MODEL={repository}@{revision} python app.py`.

## How good it is

Test split, n = {evaluation["n"]}, central squares of {evaluation["size"]} px, through the public
pipeline (`python -m train evaluate RUN --split test`):

{table(evaluation["rows"])}

The same photographs, worn like old ones, compared with the worn photographs in their true colours:

{table(evaluation["worn"]["rows"])}

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
