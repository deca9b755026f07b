"""Curves and pictures while it learns, in trackio: on this computer or as a Space."""

from pathlib import Path

from ..errors import TrainingError

HERE = "here"  # in place of a Space's name


def track_epoch(
    where: str, project: str, stage: str, epoch: int, row: dict[str, float], picture: Path
) -> None:
    """Add an epoch to a project.

    Args:
        where: "here", or a Space "owner/name", which is made if it is not there.
        project: name of the run's folder.
        stage: generator, critic or gan.
        epoch: from 1.
        row: what is in the stage's history.csv.
        picture: of validation photographs.

    Raises:
        TrainingError: trackio is not installed, or the Space cannot be reached.
    """
    try:
        import trackio
    except ModuleNotFoundError as error:
        raise TrainingError("no trackio; pip install trackio, or leave --track out") from error
    try:
        trackio.init(
            project=project,
            name=stage,
            space_id=None if where == HERE else where,
            resume="allow",
            embed=False,
        )
        pictures = {"validation": trackio.Image(picture)} if picture.exists() else {}
        trackio.log(row | pictures, step=epoch)
        trackio.finish()
    except (OSError, ValueError, RuntimeError) as error:
        raise TrainingError(f"cannot track in {where} ({error}); leave --track out") from error
