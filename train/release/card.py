"""The model card of a run: what the Hub shows of the model, as Markdown with front matter."""

from collections import Counter
from pathlib import Path
from string import Template
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..data.prepare import PETS
from ..errors import TrainingError
from ..measure.evaluate import relative_table
from ..run import SPLITS, Run, read_json

METRICS = {  # of evaluation.json, and what the Hub calls them
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "fid": "FID",
    "kid": "KID",
    "colourfulness_gap": "Colourfulness distance",
    "recognition": "Distance of a classifier's features from those of true colours",
    "agreement": "Agreement of a classifier with true colours",
    "stains": "Stained regions",
}
FIGURES = ("test-gan-spaced.jpg", "test-gan-failures.jpg", "gan-curves.png")
STEPS = {
    "Stage 1, the generator alone": "generator",
    "Stage 2, the critic": "critic",
    "Stage 3, both as a GAN": "gan",
}
TERMS = {  # of the licences that a card has by itself
    "cc-by-sa-4.0": "CC BY-SA 4.0, after the photographs that it was trained on.",
    "other": "See [LICENSE](LICENSE): the weights are bound to the terms of the photographs that "
    "they were trained on, which are listed in [sources.csv](sources.csv). Some of these allow "
    "research alone.",
}


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
        splits = Counter(row.split for row in run.photographs.rows)
        photographs = record["prepare"]["photographs"]
        tables = "\n\n".join(_text(name, result) for name, result in evaluation.items())
        stages = "\n".join(
            f"- {title}: epochs {recipe[f'{step}_epochs']}, "
            f"minutes {record[step]['seconds'] / 60:.0f}."
            for title, step in STEPS.items()
            if recipe[f"{step}_epochs"]
        )
        pets = photographs == [PETS]
        license = license or ("cc-by-sa-4.0" if pets else "other")
        name = repository.partition("/")[2]
        data = ModelCardData(
            license=license,
            license_name="after-its-photographs" if license == "other" else None,
            license_link="LICENSE" if license == "other" else None,
            library_name="colouriser",
            pipeline_tag="image-to-image",
            datasets=["timm/oxford-iiit-pet"] if pets else None,
            tags=["colorization", "image-colorization", "black-and-white", "u-net", "gan"],
            model_name=name,
            eval_results=_results(evaluation, pets),
        )
        content = Template((Path(__file__).parent / "card.md").read_text()).substitute(
            name=name,
            repository=repository,
            revision=revision,
            figure=FIGURES[0],
            failures=FIGURES[1],
            curves=FIGURES[2],
            tables=tables,
            photographs=", ".join(photographs),
            counts=", ".join(f"{splits[split]} {split}" for split in SPLITS),
            data=record["prepare"]["data"][:16],
            sources=" [Sources](sources.csv)." if run.sources_csv.exists() else "",
            encoder=recipe["model"]["encoder"],
            start=record["generator"].get("start") or "ImageNet's encoder",
            stages=stages,
            recipe=recipe["name"],
            seed=recipe["seed"],
            processor=record["gan"]["processor"],
            packages=", ".join(f"{k} {v}" for k, v in record["gan"]["packages"].items()),
            licence=TERMS.get(license, f"{license}."),
        )
    except (TrainingError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{run.folder} cannot be published ({error}); run all its steps, evaluate and figures "
            "included"
        ) from error
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{content}")


def _results(evaluation: dict[str, Any], pets: bool) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="image-to-image",
            task_name="Colourisation",
            dataset_type="oxford-iiit-pet" if pets else "photographs",
            dataset_name=set_,
            dataset_split="test",
            metric_type=name,
            metric_name=title,
            metric_value=float(f"{result['rows']['gan'][name]:.4g}"),
        )
        for set_, result in evaluation.items()
        for name, title in METRICS.items()
        if name in result["rows"]["gan"]
    ]


def _text(name: str, result: dict[str, Any]) -> str:
    head = f"**{name}**, n = {result['n']}, {result['size']} px:"
    return f"{head}\n\n{relative_table(result['rows'])}"
