"""The page: black-and-white photographs go in, coloured ones come out.

    python app.py    # http://127.0.0.1:7860

The environment variable COLOURISER_MODEL names another model than the bundled one: a folder or a
Hub repository "owner/name@revision". If the revision is a branch, the page changes over to new
commits while it runs. texts.json holds what the page says, in each language.

For programs there are two endpoints, /colourise and /colourise_many, and a server of tools for
language models (MCP) with the first of them.
"""

import json
import logging
import os
import re
import tempfile
import time
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio reads it
# Uploads and results: always a folder of their own, since all that is old in it is deleted.
os.environ["GRADIO_TEMP_DIR"] = os.path.join(
    os.environ.get("GRADIO_TEMP_DIR") or tempfile.gettempdir(), "colouriser-page"
)

try:
    import spaces  # on Spaces with ZeroGPU, which wants it before torch
except ImportError:
    spaces = None

import gradio as gr
from gradio.data_classes import ImageData
from PIL import Image
from torch import Tensor

from colouriser import Colouriser, ColouriserError, hub
from colouriser.compare import colourfulness, difference, psnr
from colouriser.live import SECONDS, Live
from colouriser.many import pack, photographs
from colouriser.photo import Photo, mark, read, suffixes, write
from colouriser.pipeline import DETAIL, check_range

HERE = Path(__file__).parent
FILES = Path(os.environ["GRADIO_TEMP_DIR"])
EXAMPLES = sorted((HERE / "examples").glob("*.jpg"))
TEXTS: dict[str, dict[str, str]] = json.loads((HERE / "texts.json").read_text())
ERRORS: dict[str, list[list[str]]] = TEXTS.pop("errors")  # type: ignore[assignment]
SHOWN = 1600  # longest side of what the page shows; the download has all pixels
BUTTONS: list = ["fullscreen"]  # none that would share it elsewhere; the download has its own
KEEP_SECONDS = 3600  # uploads and results are deleted after an hour
SWEEP_SECONDS = 60  # between two looks for what is to be deleted
MAX_BYTES = 200_000_000  # of an upload
KEPT_ANSWERS = 64  # of the network, 260 kB each: a change of vividness need not ask it again
QUEUE = 64  # people who may wait
AT_ONCE = 2  # the generator is thread-safe, and decoding leaves a core idle
FONT = ("system-ui", "sans-serif")  # the default theme would fetch its fonts from the internet
TYPES = [*sorted(suffixes()), ".zip"]
RANGES = {"detail": (64, 512), "vividness": (0, 2), "temperature": (-1, 1)}  # of the settings
FORMATS = ("original", "png")
# In the head, since gradio confines `css` to a part of the page.
HEAD = """<style>
#studio {display: grid; grid-template: "photo result" auto "more result" 1fr / 1fr 2fr; gap: 16px}
#upload {grid-area: photo} #result {grid-area: result} #more {grid-area: more}
#examples .grid-wrap, #examples .gallery-container {
  height: auto !important; max-height: none !important; min-height: 0 !important}
#examples .grid-container {
  grid-template-columns: repeat(4, minmax(0, 1fr)) !important; grid-auto-rows: auto !important;
  padding-top: 24px}
#examples .gallery-item {height: auto !important}
#examples .thumbnail-item {width: 100% !important; height: auto !important; aspect-ratio: 1}
.dark {--color-accent: #a5b4fc !important}
footer, footer *, .or {opacity: 1 !important; color: var(--body-text-color) !important}
@media (max-width: 800px) {
  .gradio-container .main {padding: 12px !important; width: 100%; max-width: 100vw !important}
  .tab-container button {padding: 0 10px !important}
  #studio {grid-template: "photo" auto "result" auto "more" auto / minmax(0, 1fr)}
}
</style>
<script>  // screen readers ignore the name of what has no role
new MutationObserver(() => document.querySelectorAll(".empty[aria-label]:not([role])")
  .forEach(e => e.setAttribute("role", "img"))).observe(document, {childList: true, subtree: true})
</script>"""
COLUMNS = {  # of the evaluation, and what the page calls them
    "psnr": "PSNR dB ↑",
    "ssim": "SSIM ↑",
    "lpips": "LPIPS ↓",
    "fid": "FID ↓",
    "kid": "KID ↓",
    "colourfulness": "colourfulness",
}
DIAGRAM = """
<svg viewBox="0 0 900 150" role="img" aria-label="{diagram}" style="max-width: 900px; width: 100%"
 font-family="system-ui, sans-serif" font-size="15" text-anchor="middle" fill="currentColor"
 stroke="currentColor">
<g fill="none" stroke-width="1.5">
<rect x="5" y="15" width="150" height="44" rx="8"/>
<rect x="215" y="90" width="130" height="44" rx="8"/>
<rect x="405" y="90" width="130" height="44" rx="8"/>
<rect x="595" y="90" width="130" height="44" rx="8"/>
<rect x="745" y="15" width="150" height="44" rx="8"/>
<path d="M155 37H738m-7-5 8 5-8 5M80 59v53H208m-7-5 8 5-8 5"/>
<path d="M345 112h53m-7-5 8 5-8 5M535 112h53m-7-5 8 5-8 5"/>
<path d="M725 112h95V66m-5 7 5-8 5 8"/></g>
<g stroke="none"><text x="80" y="42">{photograph}</text><text x="280" y="117">{box_small}</text>
<text x="470" y="117">{box_generator}</text><text x="660" y="117">{box_filter}</text>
<text x="820" y="42">{box_result}</text><text x="445" y="28">{box_luma}</text></g></svg>
"""
say = gr.I18n(**TEXTS)


@dataclass(frozen=True)
class Settings:
    """What a person can choose.

    Raises:
        ColouriserError: a value is out of range.
    """

    detail: float = DETAIL  # size of the copy that the network sees, 64 to 512
    vividness: float = 1.0  # strength of the colours, 0 to 2
    temperature: float = 0.0  # from -1, bluish, to 1, yellowish
    format: str = "original"  # or "png"
    position: bool = False  # keep where it was taken (GPS)
    mark: bool = False  # write into a corner that the colour was added

    def __post_init__(self) -> None:
        for name, limits in RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int | float):
                raise ColouriserError(f"{name} must be a number, not {value!r}")
            check_range(name, value, limits)
        if self.format not in FORMATS:
            raise ColouriserError(f"format must be one of {', '.join(FORMATS)}, not {self.format}")


@dataclass(frozen=True)
class Result:
    """A coloured photograph."""

    photo: Photo
    colour: Image.Image
    model: str
    seconds: float


class Studio:
    """Colours uploads with the model of the moment, and keeps the network's last answers."""

    def __init__(self, live: Live) -> None:
        self.live, self.answers, self.lock = live, OrderedDict[tuple, Tensor](), Lock()

        def predict(luma: Image.Image, detail: int) -> tuple[str, Tensor]:
            colouriser = live.colouriser
            return colouriser.name, colouriser.predict(luma, detail)

        # On ZeroGPU a GPU is lent for the time of this call.
        self.predict = spaces.GPU(predict) if spaces else predict

    def colourise(self, source: Any, settings: Settings, name: str, key: str = "") -> Result:
        """Colour a photograph.

        Args:
            source: path or open binary file.
            settings: see there.
            name: what error messages call it.
            key: the network's answer is kept under it, unless it is empty.

        Raises:
            ColouriserError: it cannot be read, or a setting is out of range.
        """
        started = time.perf_counter()
        photo, model = read(source, name), self.live.colouriser.name
        with self.lock:
            chroma = self.answers.get((key, settings.detail, model))
        if chroma is None:
            model, chroma = self.predict(photo.luma, int(settings.detail))
        if key:
            with self.lock:
                self.answers[key, settings.detail, model] = chroma
                self.answers.move_to_end((key, settings.detail, model))
                while len(self.answers) > KEPT_ANSWERS:
                    self.answers.popitem(last=False)
        colour = Colouriser.merge(photo.luma, chroma, settings.vividness, settings.temperature)
        colour = mark(colour) if settings.mark else colour
        return Result(photo, colour, model, time.perf_counter() - started)


def save(result: Result, settings: Settings, folder: Path, name: str) -> Path:
    """Write a result at full size as NAME-colourised; returns the file."""
    suffix = ".png" if settings.format == "png" else result.photo.suffix
    path = folder / f"{Path(name).stem}-colourised{suffix}"
    write(result.colour, path, result.photo, settings.position)
    return path


def build(live: Live) -> gr.Blocks:
    """The page."""
    studio = Studio(live)

    def one(
        file: str | None,
        detail: float,
        vividness: float,
        temperature: float,
        format: str,
        position: bool,
        marked: bool,
        request: gr.Request,
    ) -> list[Any]:
        """Everything that the page shows of one photograph."""
        texts = _texts(request)
        if file is None:
            return nothing()
        try:
            settings = Settings(detail, vividness, temperature, format, position, marked)
            result = studio.colourise(file, settings, Path(file).name, key=file)
            with tempfile.TemporaryDirectory() as name:
                download = _serve(comparison, save(result, settings, Path(name), file))
                shown = _fit(result.colour, SHOWN)
                stem = Path(file).stem
                grey_file = _show(comparison, result.photo.luma, f"{stem}-greyscale", name)
                colour_file = _show(comparison, shown, f"{stem}-colourised", name)
                own_files, numbers = tuple[str, ...](), ""
                if result.photo.original:
                    small = shown.resize(result.photo.original.size, Image.Resampling.LANCZOS)
                    true = result.photo.original
                    own_files = (
                        _show(comparison, true, f"{stem}-original", name),
                        _show(comparison, difference(small, true), f"{stem}-difference", name),
                    )
                    numbers = texts["numbers"].format(
                        psnr=psnr(small, true), own=colourfulness(small), true=colourfulness(true)
                    )
        except ColouriserError as error:
            raise _message(error, request) from error
        note = texts["note"].format(
            width=result.colour.width,
            height=result.colour.height,
            seconds=result.seconds,
            model=_called(result.model, texts),
        )
        for notice in result.photo.notices:
            note = f"{note} {texts['notice'].format(notice=_said(notice, request))}"
        return [
            (grey_file, colour_file),
            grey_file,
            colour_file,
            gr.update(visible=bool(own_files)),
            *(own_files or (None, None)),
            colour_file if own_files else None,
            numbers,
            gr.update(value=download, interactive=True),
            f"<small>{note}</small>",
        ]

    def many(
        files: list[str] | None,
        detail: float,
        vividness: float,
        temperature: float,
        format: str,
        position: bool,
        marked: bool,
        request: gr.Request,
    ) -> Iterator[list[Any]]:
        """The gallery, a line of progress with failures, and the archive, as it goes on."""
        texts = _texts(request)
        if not files:
            raise gr.Error(texts["nothing"], print_exception=False)
        yield [[], "", gr.update(value=None, interactive=False)]  # not the results of before
        shown: list[tuple[str, str]] = []
        failures: list[str] = []
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                settings = Settings(detail, vividness, temperature, format, position, marked)
                entries = list(photographs(map(Path, files)))
                results = colour_all(entries, settings, folder)
                for done, (_, path, error) in enumerate(results, 1):
                    if path is None:
                        failures.append(_said(str(error), request))
                    else:
                        with Image.open(path) as image:
                            small = _fit(image.convert("RGB"), 512)
                        stem = f"{path.stem}-small"
                        shown.append((_show(gallery, small, stem, folder / "shown"), path.name))
                    rest = (time.monotonic() - started) / done * (len(entries) - done)
                    left = texts["left"].format(seconds=round(rest)) if rest >= 1 else ""
                    text = texts["progress"].format(done=done, count=len(entries), left=left)
                    yield [shown, text + _listed(texts["failed"], failures), gr.skip()]
            except ColouriserError as error:
                raise _message(error, request) from error
            if not shown:
                raise gr.Error(
                    texts["none_coloured"] + _listed(" " + texts["failed"], failures),
                    print_exception=False,
                )
            archive = folder / "colourised.zip"
            pack(sorted((folder / "done").iterdir()), archive)
            served = _serve(gallery, archive)
        yield [gr.skip(), gr.skip(), gr.update(value=served, interactive=True)]

    def colour_all(
        entries: list[tuple[str, Any]], settings: Settings, folder: Path
    ) -> Iterator[tuple[str, Path | None, ColouriserError | None]]:
        """Colour photographs one after the other into FOLDER/done: name, file or why not."""
        used: set[str] = set()
        for name, opener in entries:
            try:
                with opener() as file:
                    result = studio.colourise(file, settings, name)
                stem, number = Path(name).stem, 2
                while stem in used:
                    stem, number = f"{Path(name).stem}-{number}", number + 1
                used.add(stem)
                yield name, save(result, settings, folder / "done", f"{stem}.x"), None
            except ColouriserError as error:
                yield name, None, error

    def colourise(
        photo: str,
        detail: float = DETAIL,
        vividness: float = 1.0,
        temperature: float = 0.0,
        format: str = "original",
        keep_position: bool = False,
        mark: bool = False,
    ) -> str:
        """Add plausible colours to a black-and-white photograph and return it at full size.

        Args:
            photo: the photograph: JPEG, PNG, WebP, TIFF, HEIC, AVIF, BMP or GIF.
            detail: size of the copy that the network sees, from 64 to 512; 256 suits most.
            vividness: strength of the colours, from 0 (grey) to 2; 1 is what the network says.
            temperature: from -1 (bluish) to 1 (yellowish); 0 changes nothing.
            format: "original" for the format of the photograph, or "png".
            keep_position: keep the position (GPS) in the metadata.
            mark: write into a corner that the colour was added by an algorithm.

        Returns:
            The coloured photograph as a file.
        """
        try:
            if not photo:
                raise ColouriserError("no photograph was given; give one as photo")
            settings = Settings(detail, vividness, temperature, format, keep_position, mark)
            result = studio.colourise(photo, settings, Path(photo).name)
            with tempfile.TemporaryDirectory() as folder:
                return _serve(comparison, save(result, settings, Path(folder), photo))
        except ColouriserError as error:
            raise _message(error) from error

    def colourise_many(
        photos: list[str],
        detail: float = DETAIL,
        vividness: float = 1.0,
        temperature: float = 0.0,
        format: str = "original",
        keep_position: bool = False,
        mark: bool = False,
    ) -> tuple[str, list[str]]:
        """Add plausible colours to many black-and-white photographs.

        Args:
            photos: photographs, and zip archives of photographs.
            detail: size of the copy that the network sees, from 64 to 512; 256 suits most.
            vividness: strength of the colours, from 0 (grey) to 2; 1 is what the network says.
            temperature: from -1 (bluish) to 1 (yellowish); 0 changes nothing.
            format: "original" for the format of each photograph, or "png".
            keep_position: keep the position (GPS) in the metadata.
            mark: write into a corner that the colour was added by an algorithm.

        Returns:
            A zip archive with the coloured photographs, and for each that is not in it, its name
            and why.
        """
        failures: list[str] = []
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            try:
                settings = Settings(detail, vividness, temperature, format, keep_position, mark)
                entries = list(photographs(map(Path, photos or [])))
                for _, path, error in colour_all(entries, settings, folder):
                    if path is None:
                        failures.append(str(error))
                if len(failures) == len(entries):
                    reasons = " ".join(failures) or TEXTS["en"]["nothing"]
                    raise ColouriserError(f"{TEXTS['en']['none_coloured']} {reasons}")
            except ColouriserError as error:
                raise _message(error) from error
            archive = folder / "colourised.zip"
            pack(sorted((folder / "done").iterdir()), archive)
            return _serve(comparison, archive), failures

    # Gradio's MCP cannot pass lists of files: one tool call colours one photograph.
    colourise_many._mcp_type = "none"  # type: ignore[attr-defined]

    def nothing() -> list[Any]:
        """The page before there is a result."""
        no_file = gr.update(value=None, interactive=False)
        return [None, None, None, gr.update(visible=False), None, None, None, "", no_file, ""]

    def cancelled(request: gr.Request) -> str:
        return _texts(request)["cancelled"]

    def state(request: gr.Request) -> str:
        """Which model is live, and why it is not the one that was asked for."""
        texts = _texts(request)
        text = f"<small>{texts['model'].format(model=_called(live.colouriser.name, texts))}</small>"
        notice = _said(live.notice, request)
        return f"{texts['fallback'].format(notice=notice)}\n\n{text}" if notice else text

    def about(request: gr.Request) -> tuple[str, str, Any]:
        """How it works, how good the live model is, and its figure."""
        texts, (scores, figure) = _texts(request), hub.evaluation(live.found)
        rows = "".join(
            f"| {texts['row_' + row]} | "
            + " | ".join(_number(scores[row], c) for c in COLUMNS)
            + " |\n"
            for row in ("grey", "generator", "gan", "truth")
            if row in scores
        )
        columns = (texts.get(column, title) for column, title in COLUMNS.items())
        head = f"| | {' | '.join(columns)} |\n" + "|---" * (len(COLUMNS) + 1) + "|\n"
        table = head + rows if rows else texts["no_table"]
        name = _called(live.colouriser.name, texts)
        text = texts["about_text"].format(model=name, table=table)
        shown = _serve(comparison, figure) if figure else None
        return DIAGRAM.format(**texts), text, gr.Image(shown, alt_text=texts["figure"])

    gr.set_static_paths([HERE / "examples"])  # these are not copied, and so stay
    with gr.Blocks(title="Colouriser", analytics_enabled=False) as demo:
        gr.Markdown("# Colouriser")
        gr.Markdown(say("intro"))
        with gr.Tab(say("one")), gr.Row(elem_id="studio"):
            with gr.Column(elem_id="upload"):
                photo = gr.Image(
                    label=say("photograph"),
                    type="filepath",
                    sources=["upload", "webcam", "clipboard"],
                    height=230,
                    elem_id="photo",
                )
            with gr.Column(elem_id="result"):
                with gr.Tabs():
                    with gr.Tab(say("compare")):
                        comparison = gr.ImageSlider(
                            label=say("compare_label"),
                            max_height=430,
                            interactive=False,
                            buttons=BUTTONS,
                            elem_id="comparison",
                        )
                    with gr.Tab(say("side")), gr.Row():
                        grey = _picture("grey", 400)
                        colour = _picture("colour", 400)
                    with gr.Tab(say("original"), visible=False) as original:
                        with gr.Row():
                            true = _picture("true", 350)
                            again = _picture("colour", 350)
                            differing = _picture("difference", 350)
                        numbers = gr.Markdown()
                download = gr.DownloadButton(
                    say("download"), variant="primary", interactive=False, elem_id="download"
                )
                note = gr.Markdown(elem_id="note")
            with gr.Column(elem_id="more"):
                examples = gr.Gallery(
                    [str(path) for path in EXAMPLES],
                    label=say("examples"),
                    columns=4,
                    height="auto",
                    allow_preview=False,
                    interactive=False,
                    buttons=[],
                    elem_id="examples",
                )
                with gr.Accordion(say("settings"), open=False, elem_id="settings"):
                    settings = _settings()
        with gr.Tab(say("many")), gr.Row():
            with gr.Column(scale=1, min_width=300):
                files = gr.File(
                    label=say("files"), file_count="multiple", file_types=TYPES, height=200
                )
                start = gr.Button(say("start"), variant="primary")
                cancel = gr.Button(say("cancel"))
                with gr.Accordion(say("settings"), open=False):
                    settings_many = _settings()
            with gr.Column(scale=2, min_width=320):
                gallery = gr.Gallery(
                    label=say("results"),
                    columns=4,
                    height=400,
                    object_fit="contain",
                    buttons=BUTTONS,
                )
                progress = gr.Markdown(elem_id="progress")
                archive = gr.DownloadButton(say("zip"), interactive=False, elem_id="zip")
        with gr.Tab(say("about")):
            diagram = gr.HTML()
            explanation = gr.Markdown()
            figure = gr.Image(
                label=say("figure"),
                interactive=False,
                buttons=BUTTONS,
                elem_id="figure",
            )
        model = gr.Markdown(elem_id="model")

        demo.load(state, None, model, api_name="model")
        demo.load(about, None, [diagram, explanation, figure], api_visibility="private")
        examples.select(_example, None, photo, api_visibility="private")
        detail, vividness, temperature, form, *boxes = settings
        results = [comparison, grey, colour, original, true, differing, again, numbers]
        results += [download, note]
        coloured = gr.on(
            [photo.change, *(slider.change for slider in (detail, vividness, temperature))]
            + [box.input for box in (form, *boxes)],
            one,
            [photo, *settings],
            results,
            concurrency_limit=AT_ONCE,
            concurrency_id="colour",
            trigger_mode="always_last",
            api_visibility="private",
        )
        coloured.failure(nothing, None, results, api_visibility="private")  # not what was before
        work = start.click(
            many,
            [files, *settings_many],
            [gallery, progress, archive],
            concurrency_limit=1,  # people with one photograph do not wait for those with many
            concurrency_id="many",
            api_visibility="private",
        )
        cancel.click(cancelled, None, progress, cancels=[work], api_visibility="private")
        _endpoint(colourise, "colour", gr.File(visible=False), [gr.File(visible=False)])
        _endpoint(
            colourise_many,
            "many",
            gr.File(visible=False, file_count="multiple"),
            [gr.File(visible=False), gr.JSON(visible=False)],
        )
    demo.queue(max_size=QUEUE)
    return demo


def _endpoint(function: Any, line: str, source: gr.File, outputs: list[Any]) -> None:
    """An endpoint for programs, with the function's name, arguments and documentation."""
    inputs = [
        source,
        gr.Number(DETAIL, visible=False, label="detail"),
        gr.Number(1.0, visible=False, label="vividness"),
        gr.Number(0.0, visible=False, label="temperature"),
        gr.Textbox("original", visible=False, label="format"),
        gr.Checkbox(False, visible=False, label="keep_position"),
        gr.Checkbox(False, visible=False, label="mark"),
    ]
    gr.Button(visible=False).click(
        function,
        inputs,
        outputs,
        api_name=function.__name__,
        concurrency_id=line,
    )


def _settings() -> list[Any]:
    """Controls for `Settings`, in its order."""
    return [
        gr.Slider(64, 512, DETAIL, step=32, label=say("detail"), info=say("detail_info")),
        gr.Slider(0, 2, 1, step=0.05, label=say("vividness"), info=say("vividness_info")),
        gr.Slider(-1, 1, 0, step=0.05, label=say("temperature"), info=say("temperature_info")),
        gr.Radio(
            [(say("format_original"), "original"), ("PNG", "png")],
            value="original",
            label=say("format"),
            info=say("format_info"),
        ),
        gr.Checkbox(label=say("position"), info=say("position_info")),
        gr.Checkbox(label=say("mark"), info=say("mark_info")),
    ]


def _example(chosen: gr.SelectData) -> str:
    return str(EXAMPLES[chosen.index])


def _picture(label: str, height: int) -> gr.Image:
    return gr.Image(
        label=say(label), height=height, interactive=False, buttons=BUTTONS, min_width=200
    )


def _texts(request: gr.Request | None) -> dict[str, str]:
    """What the page says in the browser's language."""
    return TEXTS[_language(request)]


def _language(request: gr.Request | None) -> str:
    """The browser's first language, as in gradio, if the page knows it."""
    wanted = request.headers.get("accept-language", "") if request else ""
    return wanted[:2].lower() if wanted[:2].lower() in TEXTS else "en"


def _said(text: str, request: gr.Request | None) -> str:
    """What colouriser says, in the browser's language."""
    for pattern, replacement in ERRORS.get(_language(request), ()):
        text = re.sub(pattern, replacement, text)
    return text


def _message(error: ColouriserError, request: gr.Request | None = None) -> gr.Error:
    return gr.Error(_said(str(error), request), print_exception=False)


def _called(model: str, texts: dict[str, str]) -> str:
    """What the page calls a model: of a folder, its name alone."""
    if model == TEXTS["en"]["bundled"]:
        return texts["bundled"]
    return model if model.endswith(")") else Path(model).name  # a commit in brackets: of the Hub


def _number(scores: dict[str, float], name: str) -> str:
    return f"{scores[name]:.3g}" if name in scores else ""


def _fit(image: Image.Image, side: int) -> Image.Image:
    """The image, or a smaller copy whose longest side is `side`."""
    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = [max(1, round(length * scale)) for length in image.size]
    return image.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _show(component: Any, image: Image.Image, name: str, folder: str | Path) -> str:
    """An image as the page shows it: at most 1600 px, lossless WebP."""
    path = Path(folder) / f"{name}.webp"
    write(_fit(image, SHOWN).convert("RGB"), path)
    return _serve(component, path)


def _serve(component: Any, path: Path) -> str:
    """Copies a file to where gradio serves files from; `sweep` deletes it there."""
    return str(component.move_resource_to_block_cache(path))


def _listed(title: str, failures: list[str]) -> str:
    return "".join([f"\n\n{title}\n\n", *(f"- {f}\n" for f in failures)]) if failures else ""


def _uploaded(_: gr.Image, payload: ImageData | None) -> str | None:
    return payload.path if payload else None


# gr.Image would decode uploads itself and refuse what it does not know with an error of its own;
# reading is colouriser's work.
gr.Image.preprocess = _uploaded


def sweep(before: float) -> None:
    """Delete uploads and results that were written before a time, in seconds since 1970."""
    for top, _, names in os.walk(FILES, topdown=False):
        for path in (*(Path(top) / name for name in names), Path(top)):
            try:
                if path.stat().st_ctime < before:
                    path.rmdir() if path.is_dir() else path.unlink()
            except OSError:  # gone already, or a folder that is not empty
                continue


def _sweep() -> None:
    pause = Event()
    while True:
        sweep(time.time() - KEEP_SECONDS)
        pause.wait(SWEEP_SECONDS)


def main() -> None:
    """Load the model and serve the page."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters becomes an error
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    source = os.environ.get("COLOURISER_MODEL") or None
    try:
        live = Live(source, Image.open(EXAMPLES[0]))
    except ColouriserError as error:
        raise SystemExit(f"error: {error}") from error
    live.follow(float(os.environ.get("COLOURISER_LOOK_SECONDS", SECONDS)))
    Thread(target=_sweep, daemon=True).start()
    launch(build(live))


def launch(demo: gr.Blocks, **options: Any) -> str:
    """Serve the page; returns its address."""
    theme = gr.themes.Default(
        primary_hue=gr.themes.colors.indigo, font=FONT, font_mono=("monospace",)
    ).set(
        button_primary_background_fill="*primary_600",  # white on it has enough contrast
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        color_accent="*primary_600",
    )
    result = demo.launch(
        theme=theme,
        head=HEAD,
        i18n=say,
        run_history=False,
        max_file_size=MAX_BYTES,
        footer_links=["api", "settings"],
        mcp_server=True,
        **options,
    )
    return result[1]


if __name__ == "__main__":
    main()
