"""Models: `model.safetensors` and `config.json` in a folder, and where folders come from.

    nothing               the bundled weights
    folder                as it is
    owner/name@revision   the Hub: a tag, branch or commit becomes a commit; what is needed of it is
                          downloaded, checked against the Hub's checksums, and cached

Convolution kernels are stored in half precision, which halves the file and changes colours by less
than a rounding step; the few other values (normalisation statistics) keep single precision.
"""

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from huggingface_hub import HfApi, get_cached_repo_tree, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from .errors import ModelError, reason
from .files import write_bytes
from .generator import Generator, GeneratorConfig
from .options import quoted

BUNDLED = Path(__file__).parent / "weights"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
MAX_BYTES = {WEIGHTS: 1_000_000_000, CONFIG: 10_000}  # bytes; ours have 26 million and 100
OLDER = {"attention": False, "hints": False, "palette": 0, "mean": 0.0}  # where a config is silent
DROPPED_FIELD, DROPPED_WEIGHTS = "even", ("evenness.weight", "evenness.bias")  # of older weights: a
# mixture that flattened what was not like its own photographs
COMMIT = re.compile("[0-9a-f]{40}")
REVISION = re.compile(r"[\w./+-]{0,250}")  # what git allows and people use


@dataclass(frozen=True)
class ResolvedModel:
    """A folder that holds a model, and what people call it."""

    folder: Path
    name: str
    commit: str | None = None  # of a Hub repository

    def __str__(self) -> str:
        return f"{self.name} ({self.commit[:7]})" if self.commit else self.name


def resolve(source: str | Path | None = None) -> ResolvedModel:
    """The folder that holds a model.

    Without network, a revision that was downloaded before is found in the cache.

    Args:
        source: nothing for the bundled weights, a folder, or a Hub repository "owner/name" with an
            optional "@revision" (a tag, branch or commit).

    Raises:
        ModelError: there is no such folder, repository or revision, the Hub cannot be reached and
            nothing is cached, or what came is not what the Hub announced.
    """
    if source is None:
        return ResolvedModel(BUNDLED, "the bundled weights")
    if not on_hub(source):
        return ResolvedModel(Path(source), str(source))
    return _download(str(source))


def pinned(model: ResolvedModel) -> str | None:
    """What `resolve` is given to find the same weights again, in any process."""
    if model.commit:
        return f"{model.name.partition('@')[0]}@{model.commit}"
    return None if model.folder == BUNDLED else str(model.folder.resolve())


def fingerprint(model: ResolvedModel) -> str:
    """The commit of a Hub repository; for weights in a folder, their checksum."""
    if model.commit:
        return model.commit
    data = (model.folder / WEIGHTS).read_bytes()
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def on_hub(source: str | Path | None) -> bool:
    """Whether a source is a Hub repository: not the bundled weights and not a folder.

    Raises:
        ModelError: it is neither a folder nor the name of a repository.
    """
    if source is None or _there(source):
        return False
    repository, _, revision = str(source).partition("@")
    odd = repository.count("/") != 1 or repository.startswith((".", "/", "~"))
    odd = odd or isinstance(source, Path) or Path(repository).parent.is_dir()  # a name mistyped
    if odd or not REVISION.fullmatch(revision):
        raise ModelError(
            "no_model",
            "no model at {source}: give a folder or a Hub repository owner/name@revision",
            source=quoted(source),
        )
    return True


def _there(path: str | Path) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # too long for a path, or with a zero byte
        return False


def current_commit(source: str) -> str:
    """The commit that a Hub repository's revision is at: one small request.

    Raises:
        ModelError: the Hub cannot be asked.
    """
    repository, _, revision = source.partition("@")
    with _explained(source):
        return HfApi().model_info(repository, revision=revision or None).sha or ""


def moves(source: str) -> bool:
    """Whether a Hub repository's revision is a branch, which gets new commits; tags and commits
    stay.

    Raises:
        ModelError: the Hub cannot be asked.
    """
    repository, _, revision = source.partition("@")
    if COMMIT.fullmatch(revision):
        return False
    with _explained(source):
        refs = HfApi().list_repo_refs(repository)
    return (revision or "main") not in {tag.name for tag in refs.tags}


def _download(source: str) -> ResolvedModel:
    """Config first: a model that cannot be used is refused before anything large is fetched."""
    repository, _, revision = source.partition("@")
    with _explained(source):
        folder = Path(
            snapshot_download(repository, revision=revision or None, allow_patterns=[CONFIG])
        )
        commit = folder.name
        announced = {file.path: file for file in get_cached_repo_tree(repository, revision=commit)}
        model = ResolvedModel(folder, source, commit)
        for name, limit in MAX_BYTES.items():
            if name not in announced:
                raise ModelError(
                    "file_missing",
                    "{model} has no {file}; {advice}",
                    model=model,
                    file=name,
                    advice="use another revision",
                )
            if announced[name].size > limit:
                raise ModelError(
                    "file_large",
                    "{model}: {file} is larger than {limit} bytes; use another model",
                    model=model,
                    file=name,
                    limit=limit,
                )
        _check(model, CONFIG, announced[CONFIG].blob_id)
        _read_config(model)
        snapshot_download(repository, revision=commit, allow_patterns=[WEIGHTS])
        _check(model, WEIGHTS, announced[WEIGHTS].blob_id)
    return model


def _check(model: ResolvedModel, name: str, announced: str) -> None:
    path = model.folder / name
    if announced not in git_names(path.read_bytes()):
        path.resolve().unlink()  # or the damaged file would stay in the cache
        path.unlink(missing_ok=True)
        raise ModelError(
            "came_damaged",
            "{file} of {model} came damaged from the Hub; try again",
            file=name,
            model=model,
        )


def git_names(data: bytes) -> set[str]:
    """The SHA-1 by which git calls a file's content, and by which it calls the pointer that stands
    for the content if it is kept outside (Git LFS), with its SHA-256 in it."""
    oid = hashlib.sha256(data).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(data)}\n"
    contents = (data, pointer.encode())
    return {hashlib.sha1(b"blob %d\0" % len(c) + c).hexdigest() for c in contents}


@contextmanager
def _explained(source: str) -> Iterator[None]:
    """Turns what the Hub's client raises into a ModelError."""
    repository, _, revision = source.partition("@")
    try:
        yield
    except ModelError:
        raise
    except RepositoryNotFoundError as error:
        raise ModelError(
            "no_repository",
            "no repository {repository} on the Hub, or it is private: check the name, or log in "
            "(hf auth login, or HF_TOKEN)",
            repository=repository,
        ) from error
    except RevisionNotFoundError as error:
        raise ModelError(
            "no_revision",
            "{repository} has no revision {revision}; give a tag, branch or commit after the @",
            repository=repository,
            revision=revision,
        ) from error
    except HFValidationError as error:
        raise ModelError(
            "bad_repository",
            "{repository} cannot be a repository's name: {reason}",
            repository=quoted(repository),
            reason=reason(error),
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, RuntimeError) as error:
        cause = error if isinstance(error, HfHubHTTPError) else error.__cause__
        if isinstance(cause, HfHubHTTPError) and cause.response.status_code in (401, 403):
            raise ModelError(
                "token_refused",
                "the Hub does not take the token for {source}: log in again (hf auth login), or "
                "set another HF_TOKEN, or none for a public model",
                source=source,
            ) from error
        if "home directory" in str(error):
            raise ModelError(
                "no_home", "there is no home folder for what the Hub sends; set HF_HOME"
            ) from error
        if not isinstance(error, LocalEntryNotFoundError):
            raise _failed(source, error) from error
        raise ModelError(
            "unreachable",
            "cannot reach the Hub for {source}, and it is not in the cache; check the network, or "
            "use a folder",
            source=source,
        ) from error
    except Exception as error:  # of the network, of hf_xet: huggingface_hub lets all through
        raise _failed(source, error) from error


def _failed(source: str, error: Exception) -> ModelError:
    return ModelError(
        "hub_failed",
        "cannot get {source} from the Hub ({reason}); try again later",
        source=source,
        reason=reason(error),
    )


def load(model: ResolvedModel) -> Generator:
    """Build the generator that `config.json` describes and load its weights, strictly.

    Returns:
        The generator in float32 and eval mode.

    Raises:
        ModelError: a file is missing or damaged, or weights and config do not fit together.
    """
    generator = Generator(_read_config(model))
    with _usable(model, WEIGHTS):
        state = load_file(model.folder / WEIGHTS)
        for name in DROPPED_WEIGHTS:
            state.pop(name, None)
        kinds = generator.state_dict()
        for name, value in state.items():
            if name in kinds and value.is_floating_point() != kinds[name].is_floating_point():
                raise ValueError(f"{name} holds {value.dtype}, which is no kind of weight")
        if not all(value.isfinite().all() for value in state.values()):
            raise ValueError("the weights contain values that are not finite")
        generator.load_state_dict({name: _to_float(value) for name, value in state.items()})
    return generator.eval()


def _read_config(model: ResolvedModel) -> GeneratorConfig:
    with _usable(model, CONFIG):
        if (model.folder / CONFIG).stat().st_size > MAX_BYTES[CONFIG]:
            raise ValueError(f"{CONFIG} is larger than {MAX_BYTES[CONFIG]} bytes")
        fields = OLDER | json.loads((model.folder / CONFIG).read_text())
        fields.pop(DROPPED_FIELD, None)
        return GeneratorConfig(**fields | {"decoder": tuple(fields["decoder"])})  # JSON has none


@contextmanager
def _usable(model: ResolvedModel, name: str) -> Iterator[None]:
    """Turns what reading a model's file raises into a ModelError that names the model."""
    advice = "get a complete copy of it, or use the bundled weights"
    if model.folder == BUNDLED:
        advice = "install the project again"
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(
            "file_missing", "{model} has no {file}; {advice}", model=model, file=name, advice=advice
        ) from error
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        RuntimeError,
        RecursionError,
        SafetensorError,
    ) as error:
        raise ModelError(
            "model_damaged",
            "the model {model} is damaged ({reason}); {advice}",
            model=model,
            reason=reason(error),
            advice=advice,
        ) from error
    except ModelError as error:
        raise ModelError(
            "model_unusable",
            "the model {model} cannot be used: {error}; {advice}",
            model=model,
            error=error,
            advice=advice,
        ) from error


def store(generator: Generator, folder: Path) -> None:
    """Write a generator's weights and config into a folder; the inverse of `load`."""
    state = {
        name: value.detach()
        .cpu()
        .to(torch.float16 if value.ndim == 4 else value.dtype)
        .contiguous()
        for name, value in generator.state_dict().items()
    }
    config = json.dumps(dataclasses.asdict(generator.config), indent=2) + "\n"
    write_bytes(folder / WEIGHTS, save(state))
    write_bytes(folder / CONFIG, config.encode())


def _to_float(value: torch.Tensor) -> torch.Tensor:
    return value.float() if value.is_floating_point() else value
