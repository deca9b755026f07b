"""Publish a run to the Hugging Face Hub: one commit, then a tag.

Nothing is tagged before the Hub has been asked whether all of it is there.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
)

from colouriser import Colouriser
from colouriser.hub import CONFIG, WEIGHTS, git_names

from ..errors import TrainingError
from ..run import Run
from .card import FIGURES, model_card

log = logging.getLogger(__name__)

TERMS = """Terms of these weights

The weights were learnt from photographs that belong to others. sources.csv lists the collections
and the terms of each. Where a collection's terms allow research alone, so do these weights; use
them for anything else only after you have checked those terms, and at your own risk. No photograph
is contained in the weights' files. There is no warranty of any kind.
"""


@dataclass(frozen=True)
class Publication:
    """Where a run goes to."""

    repository: str  # owner/name
    tag: str
    private: bool = False
    retag: bool = False  # move a tag that exists
    pull_request: bool = False  # open one, and tag nothing
    license: str | None = None  # of the weights


def write_folder(run: Run, publication: Publication) -> Path:
    """Write what is published into RUN/publish, after loading the weights as a user will.

    Raises:
        TrainingError: a step of the run is not done, or its weights cannot be used.
    """
    Colouriser.load(run.stage("gan"))
    folder = run.publication
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "figures").mkdir(parents=True)
    sources = {name: run.stage("gan") / name for name in (WEIGHTS, CONFIG)}
    sources["evaluation.json"] = run.evaluation("test")
    sources["recipe.json"] = run.recipe_json
    sources |= {f"figures/{name}": run.figure(name) for name in FIGURES}
    if run.sources_csv.exists():
        sources["sources.csv"] = run.sources_csv
    try:
        for name, source in sources.items():
            shutil.copyfile(source, folder / name)
    except FileNotFoundError as error:
        raise TrainingError(
            f"{error.filename} is missing; run all steps, evaluate and figures included"
        ) from error
    card = model_card(run, publication.repository, publication.tag, publication.license)
    (folder / "README.md").write_text(str(card))
    if card.data.to_dict()["license"] == "other":
        (folder / "LICENSE").write_text(TERMS)
    return folder


def publish(run: Run, publication: Publication) -> str:
    """Publish a run; returns the commit's address.

    Raises:
        TrainingError: the run is not complete, the tag exists already, or the Hub refuses.
    """
    folder = write_folder(run, publication)
    api, repository, tag = HfApi(), publication.repository, publication.tag
    with hub_errors(repository):
        api.create_repo(repository, private=publication.private or None, exist_ok=True)
        refs = api.list_repo_refs(repository)
        exists = tag in {ref.name for ref in refs.tags}
        if exists and not (publication.retag or publication.pull_request):
            raise TrainingError(
                f"{repository} has {tag} already; choose another --tag, or move it with --retag"
            )
        head = {ref.name: ref.target_commit for ref in refs.branches}.get("main")
        commit = api.create_commit(
            repository,
            [CommitOperationAdd(name, folder / name) for name in files(folder)],
            commit_message=f"Publish {tag}",
            create_pr=publication.pull_request,
            parent_commit=head,
        )
        if publication.pull_request:
            return str(commit.pr_url)
        _check(api, repository, commit.oid, folder)
        if exists:
            api.delete_tag(repository, tag=tag)
        api.create_tag(repository, tag=tag, revision=commit.oid)
    return str(commit.commit_url)


def files(folder: Path) -> list[str]:
    """The files in a folder, by their paths in it."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def _check(api: HfApi, repository: str, commit: str, folder: Path) -> None:
    """Whether a commit holds exactly what is in a folder."""
    tree = api.list_repo_tree(repository, recursive=True, revision=commit)
    there = {entry.path: getattr(entry, "blob_id", None) for entry in tree}
    for name in files(folder):
        if there.get(name) not in git_names((folder / name).read_bytes()):
            raise TrainingError(
                f"{name} is not in {repository} as it was sent; nothing was tagged, publish again"
            )


@contextmanager
def hub_errors(repository: str, advice_by_status: Mapping[int, str] = {}) -> Iterator[None]:
    """Turns what the Hub's client raises into a TrainingError: the sentence that the Hub sent,
    and what to do; for some statuses other than usual."""
    try:
        yield
    except HFValidationError as error:
        raise TrainingError(f"{repository}: {error}; give owner/name") from error
    except LocalTokenNotFoundError as error:
        raise TrainingError("you are not logged in; run hf auth login, or set HF_TOKEN") from error
    except (HTTPError, RuntimeError, ValueError, OSError) as error:
        cause: BaseException = error
        while not isinstance(cause, HfHubHTTPError) and cause.__cause__:
            cause = cause.__cause__  # a failed upload comes wrapped
        reason = (str(cause).strip() or type(cause).__name__).splitlines()[0]
        advice = "nothing was tagged; check the network and start it again"
        if isinstance(cause, HfHubHTTPError):
            status = cause.response.status_code
            reason = f"{status}: {cause.server_message or reason}"
            advice = (ADVICE | dict(advice_by_status)).get(status, advice)
        raise TrainingError(f"the Hub refused {repository} ({reason}); {advice}") from error


ADVICE = {
    400: "nothing was changed",
    401: "log in with a token that may write (hf auth login, or HF_TOKEN)",
    402: "add a payment method to the account, or ask for less",
    403: "use a token of an account that may write there",
    404: "check the name",
    409: "somebody else is changing it; start it again",
    412: "somebody else changed it meanwhile; start it again",
}
