"""The documentation says what is so: its commands, outputs, keys, codes, links and examples."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, get_args

import pytest
import yaml
from alembic.config import CommandLine
from click.testing import CliRunner
from sqlalchemy.engine import make_url
from support.legacy_projects import ONCE
from support.projects import timeless
from support.warm import BridgePopen

from bridge.cli.commands.develop import WITH_PLUGINS
from bridge.cli.errors import InternalError
from bridge.cli.main import main
from bridge.database.journal.table import JOURNAL_COLUMNS
from bridge.model.config import Config
from bridge.model.config_file import parse
from bridge.model.errors import ConfigError, all_errors
from bridge.model.state import StateKind
from bridge.model.steps import Step
from bridge.revisions.modules import GROUP, find_modules

pytestmark = ONCE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")]
PAGES += sorted(DOCS.glob("*.md"))
# Made from the code; another test holds that.
WRITTEN = [page for page in PAGES if page.name != "cli.md"]
# Stands in the pages for the folder of the sample.
SHOWN_FOLDER = "/srv/gallery"


class Block(NamedTuple):
    """A fenced block of a page."""

    page: str
    line: int
    language: str
    text: str


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", page.read_text(encoding="utf-8"))


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"(?ms)^```(\S*)\n(.*?)^```$", text):
        line = text.count("\n", 0, match.start()) + 1
        yield Block(page.name, line, match[1], match[2])


def all_blocks(language: str) -> list[Any]:
    """The blocks of all pages in a language, as parameters that name their place."""
    found = [b for page in WRITTEN for b in blocks(page) if b.language == language]
    return [pytest.param(block, id=f"{block.page}:{block.line}") for block in found]


def headings(page: Path, level: int) -> list[str]:
    """The texts of the page's headings of that level, without Markdown's escapes."""
    found: list[str] = re.findall(rf"(?m)^#{{{level}}} (.+)$", prose(page))
    return [heading.replace("\\", "").replace("`", "") for heading in found]


# --- errors -------------------------------------------------------------------------------


def test_every_error_code_has_one_section_and_every_section_is_a_code() -> None:
    codes = {error.code for error in all_errors() if error.__module__.startswith("bridge.")}
    codes |= {InternalError.code, "usage"}  # the one is in cli, the other is no class

    assert sorted(headings(DOCS / "errors.md", 3)) == sorted(codes)


def test_an_error_stands_under_its_exit_status() -> None:
    documented = {}
    for section in re.split(r"(?m)^## ", prose(DOCS / "errors.md")):
        match = re.match(r"Exit status (\d+)", section)
        if match:
            for code in re.findall(r"(?m)^### (.+)$", section):
                documented[code] = int(match[1])

    statuses = {e.code: e.exit_status for e in all_errors() if e.__module__.startswith("bridge.")}
    assert documented == {**statuses, "usage": 2}


# --- configuration ------------------------------------------------------------------------

MINIMAL: dict[str, Any] = {
    "database": {},
    "backup": {},
    "check": {},
    "alembic": {"script_location": "alembic_migrations"},
    "legacy": {
        "core": {"repository": "legacy", "stamp": {"1": ["base"]}},
        "NAME": {"registry": "app:MIGRATIONS", "version_table": "numbers", "stamp": {"3": []}},
    },
    "module": {"NAME": {"migrations": "likes"}},
}
# The tables as the page calls them, and where they are in MINIMAL.
TABLES = {
    "": (),
    "database": ("database",),
    "backup": ("backup",),
    "check": ("check",),
    "alembic": ("alembic",),
    "legacy.NAME": ("legacy", "core"),
    "module.NAME": ("module", "NAME"),
}
# A table with a registry has keys of its own.
REGISTRY = ("legacy", "NAME")
REGISTRY_KEYS = {"version_table", "row", "name_column", "version_column", "versions"}
# Defaults that the page tells in words, and what they are for MINIMAL.
IN_WORDS = {"all from 1 to the last in `stamp`": "[1, 2, 3]"}
FILES = {"config", "legacy_python"}
FOLDERS = {"script_location", "version_locations", "pythonpath", "repository", "migrations"}
FOLDERS |= {"folder"}


def minimal() -> dict[str, Any]:
    """A copy of MINIMAL that may be changed."""
    return deepcopy(MINIMAL)


def inside(document: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for name in path:
        document = document[name]
    return document


def make_paths(value: Any, root: Path, key: str = "") -> None:
    """Makes the files and folders that a document names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            make_paths(inner, root, name)
    elif isinstance(value, list):
        for inner in value:
            make_paths(inner, root, key)
    elif key in FOLDERS:
        (root / value).mkdir(parents=True, exist_ok=True)
    elif key in FILES and not Path(value).is_absolute():
        (root / value).touch()


def keys_of_the_code(root: Path) -> set[str]:
    """Every key, as the parser itself names them to someone who writes a wrong one."""
    keys = set()
    for table, path in [*TABLES.items(), ("legacy.NAME", REGISTRY)]:
        document = minimal()
        inside(document, path)["qqq"] = 1
        with pytest.raises(ConfigError) as caught:
            parse(document, root=root, source="bridge.toml")
        allowed = re.search(r"\(allowed: (.*)\)", caught.value.message)
        assert allowed, caught.value.message
        keys |= {f"{table}.{key}".lstrip(".") for key in allowed[1].split(", ")}
    return keys


def documented_keys() -> dict[str, str]:
    """Each key of configuration.md with the paragraph under its heading."""
    text = (DOCS / "configuration.md").read_text(encoding="utf-8")
    return dict(re.findall(r"(?m)^### (\S+)\n\n((?:.+\n)+)", text))


def test_every_key_of_the_configuration_is_documented_and_nothing_else(tmp_path: Path) -> None:
    make_paths(MINIMAL, tmp_path)

    # The tables have headings of their own: [database], [legacy.NAME].
    tables = {name.strip("[]").partition(".")[0] for name in headings(DOCS / "configuration.md", 2)
              if name.startswith("[")}  # fmt: skip

    assert {*documented_keys(), *tables} == keys_of_the_code(tmp_path)


def configuration(document: dict[str, Any], root: Path) -> Config:
    """The document as bridge uses it."""
    return find_modules(parse(document, root=root, source="bridge.toml"))


def value_of(config: Config, path: tuple[str, ...], name: str) -> Any:
    """What bridge made of a key of MINIMAL."""
    found: Any = config
    for part in path:
        attribute = {"module": "modules"}.get(part, part)
        found = found[part] if isinstance(found, Mapping) else getattr(found, attribute)
    return getattr(found, name)


@pytest.mark.parametrize(("key", "said"), documented_keys().items(), ids=documented_keys())
def test_a_key_has_the_documented_default(key: str, said: str, tmp_path: Path) -> None:
    make_paths(MINIMAL, tmp_path)
    table, _, name = key.rpartition(".")
    path = REGISTRY if table == "legacy.NAME" and name in REGISTRY_KEYS else TABLES[table]
    match = re.fullmatch(r"Type: (.+?)\. (?:Default: (.+)|(No default|Required))\.\n", said)
    assert match, said
    document = minimal()

    if match[3] == "Required":
        del inside(document, path)[name]
        with pytest.raises(ConfigError, match=rf"{name}\b.* is missing"):
            configuration(document, tmp_path)
    elif match[3] == "No default":
        inside(document, path).pop(name, None)
        if key == "alembic.script_location":  # one of the two must be there
            document["alembic"]["config"] = "alembic.ini"
            make_paths(document, tmp_path)
        assert value_of(configuration(document, tmp_path), path, name) is None
    else:
        text = IN_WORDS.get(match[2], match[2].strip("`"))
        inside(document, path)[name] = tomllib.loads(f"value = {text}")["value"]
        assert configuration(document, tmp_path) == configuration(minimal(), tmp_path)


@pytest.mark.parametrize("block", all_blocks("toml"))
def test_an_example_of_the_configuration_is_valid(block: Block, tmp_path: Path) -> None:
    document = tomllib.loads(block.text)
    if "project" in document:  # of a package that brings a module
        (points,) = document["project"]["entry-points"].items()
        assert points[0] == GROUP
        assert all(re.fullmatch(r"[\w.]+:\w+", place) for place in points[1].values())
        return
    document = document.get("tool", {}).get("bridge", document)
    # An example of one key leaves out the rest.
    alembic = document.setdefault("alembic", {})
    if "config" not in alembic:
        alembic.setdefault("script_location", "alembic_migrations")
    legacy, modules = document.setdefault("legacy", {}), document.setdefault("module", {})
    required = [other for repository in legacy.values()
                for versions in repository.get("requires", {}).values()
                for other in versions]  # fmt: skip
    for name in (*required, *(m["legacy"] for m in modules.values() if "legacy" in m)):
        legacy.setdefault(name, {})
    for repository in legacy.values():
        if "registry" not in repository:
            repository.setdefault("repository", "legacy")
        repository.setdefault("stamp", {"1": ["base"]})
    for module in modules.values():
        module.setdefault("migrations", "module")
    make_paths(document, tmp_path)

    configuration(document, tmp_path)


# --- tables of words ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "section", "words"),
    [
        ("concepts.md", "States", get_args(StateKind)),
        ("concepts.md", "Steps", [step.kind for step in get_args(Step)]),
        ("concepts.md", "What a failed step leaves", [step.kind for step in get_args(Step)]),
        ("concepts.md", "The journal", JOURNAL_COLUMNS),
        ("ci.md", "Output for programs", [step.kind for step in get_args(Step)]),
    ],
)
def test_a_table_has_every_word_of_the_code(page: str, section: str, words: Iterable[str]) -> None:
    _, _, text = prose(DOCS / page).partition(f"\n## {section}\n")
    first_cells = re.findall(r"(?m)^\| (`[^|]+`) \|", text.partition("\n## ")[0])
    found = [word for cell in first_cells for word in re.findall(r"`([^`]+)`", cell)]
    # A table of commands may stand beside it.
    assert sorted(w for w in found if not w.startswith("bridge ")) == sorted(words)


# --- commands -----------------------------------------------------------------------------


def commands(page: Path) -> Iterator[str]:
    """Every command line of bridge's that a page shows, in blocks and between backticks."""
    for span in re.findall(r"`([^`]+)`", prose(page)):
        text = " ".join(span.split())
        if text.startswith("bridge "):
            yield text
    for block in blocks(page):
        for line in block.text.splitlines():
            # Other lines of these two are output.
            if block.language in ("console", "text") and not line.startswith("$ "):
                continue
            if block.language in ("console", "text", "sh", "yaml"):
                for found in re.findall(r"(?<![\w./'\"-])bridge ([^|;&#]+)", line):
                    yield f"bridge {found.strip()}"


SHOWN = sorted({(page.name, command) for page in WRITTEN for command in commands(page)})


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_command_that_is_shown_exists(page: str, command: str) -> None:
    words = shlex.split(command)[1:]
    if words[0] == "alembic":
        context = main.commands["alembic"].make_context("alembic", words[1:])
        arguments = [word for word in context.params["arguments"] if word != WITH_PLUGINS]
        if arguments:
            CommandLine().parser.parse_args(arguments)  # ends the program where it is wrong
    else:
        # All words are read before --help is answered.
        result = CliRunner().invoke(main, [*words, "--help"])
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize("block", all_blocks("yaml"))
def test_a_job_for_ci_is_whole(block: Block) -> None:
    jobs = yaml.safe_load(block.text)
    if "jobs" in jobs:
        jobs = jobs["jobs"]
        scripts = [step.get("run", "") for job in jobs.values() for step in job["steps"]]
        (kept,) = [step["with"]["path"] for job in jobs.values() for step in job["steps"]
                   if "upload-artifact" in step.get("uses", "")]  # fmt: skip
        assert all(step.keys() & {"run", "uses"} for job in jobs.values() for step in job["steps"])
    else:
        scripts = [line for job in jobs.values() for line in job["script"]]
        kept = json.dumps([job["artifacts"] for job in jobs.values()])
    (job,) = jobs.values()
    (check,) = [line for line in scripts if line.startswith("bridge check ")]
    names = {**job.get("variables", {}), **job.get("env", {})}
    servers = {str(make_url(names[name]).get_backend_name())
               for name in re.findall(r'--scratch-url "\$(\w+)"', check)}  # fmt: skip

    assert servers == {"postgresql", "mysql"}
    assert len(job["services"]) == len(servers)
    # What the check writes is what is kept.
    for file in re.findall(r"--(?:junit|page) (\S+)", check):
        assert file in kept


def test_commands_are_found_on_the_pages() -> None:
    # Else the test above could pass by finding nothing.
    assert ("README.md", "bridge dbupdate --yes") in SHOWN
    assert ("ci.md", "bridge runtime make") in SHOWN
    assert ("errors.md", "bridge alembic history --verbose") in SHOWN


# --- transcripts and examples -------------------------------------------------------------


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """A copy of the sample as administrator.md makes it, the database at legacy version 10."""
    folder = tmp_path / "gallery"
    shutil.copytree(ROOT / "legacy_migrations", folder / "legacy_migrations")
    shutil.copytree(ROOT / "alembic_migrations", folder / "alembic_migrations")
    shutil.copytree(ROOT / "snapshots", folder / "snapshots")
    shutil.copy(ROOT / "bridge.toml", folder)
    dump = ROOT / "snapshots" / "core-v10-likes-v01.sqlite.sql"
    with closing(sqlite3.connect(folder / "media.db")) as connection:
        connection.executescript(dump.read_text(encoding="utf-8"))
    return folder


BRIDGE = Path(sys.executable).with_name("bridge")
# What a shell has no part in.
PLAIN = re.compile(r"bridge ([^|<>;&$`]*?)( 2> /dev/null)?")


def run_line(folder: Path, line: str) -> str:
    """The output of a line of a transcript, in the folder."""
    plain = PLAIN.fullmatch(line)
    if not plain:
        return run(folder, "bash", "-c", line)
    errors = subprocess.DEVNULL if plain[2] else subprocess.STDOUT
    command = (sys.executable, str(BRIDGE), *shlex.split(plain[1]))
    return run(folder, *command, popen=BridgePopen, stderr=errors)


def run(
    folder: Path, *command: str, popen: Any = subprocess.Popen, stderr: int = subprocess.STDOUT
) -> str:
    """The output of a command in a folder, with this environment's bridge in the PATH."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("BRIDGE_DATABASE_URL", "FORCE_COLOR", "TTY_COMPATIBLE", "COLUMNS")
        and not name.startswith("PYTEST_")
    }
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        encoding="utf-8",
    ) as process:
        output: str = process.communicate()[0]
    assert process.returncode == 0, output
    return output.replace(str(folder), SHOWN_FOLDER)


@pytest.mark.process
@pytest.mark.parametrize(
    "page", ["README.md", "docs/administrator.md", "docs/ci.md", "docs/developer.md"]
)
def test_a_page_shows_what_the_commands_print(page: str, gallery: Path) -> None:
    run_line(gallery, "bridge runtime make")  # its progress is on no page
    transcripts = [b.text for b in blocks(ROOT / page) if b.language == "console"]
    assert transcripts

    shown, printed = "".join(transcripts), ""
    for command in re.findall(r"(?m)^\$ (.+)$", shown):
        printed += f"$ {command}\n{run_line(gallery, command)}"

    assert timeless(printed) == timeless(shown)


@pytest.mark.process
@pytest.mark.parametrize("block", all_blocks("python"))
def test_an_example_in_python_runs(block: Block, gallery: Path) -> None:
    if "run_environment" in block.text:
        # The env.py, which Alembic alone can run: the sample's own is run by many tests.
        assert block.text == (ROOT / "alembic_migrations" / "env.py").read_text(encoding="utf-8")
        return
    (gallery / "test_example.py").write_text(block.text, encoding="utf-8")
    if "def test_" in block.text:
        options = ["-q", "-p", "no:cacheprovider", "-W", "error"]
        assert "passed" in run(gallery, sys.executable, "-m", "pytest", *options, "test_example.py")
    else:
        code = "import runpy, warnings; warnings.simplefilter('error')"
        code += "; runpy.run_path('test_example.py', run_name='__main__')"
        output = run(gallery, sys.executable, "-c", code, popen=BridgePopen)
        # It prints errors too.
        assert ("upgraded" in output) == (".dbupdate(" in block.text)


# --- links and generated pages ------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {slug(heading) for level in (1, 2, 3) for heading in headings(page, level)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_internal_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    broken = []
    for link in links:
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.is_file() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


@pytest.mark.parametrize("picture", sorted(DOCS.glob("images/*")), ids=lambda path: path.name)
def test_a_picture_is_small_and_on_a_page(picture: Path) -> None:
    assert picture.stat().st_size < 150_000
    assert any(f"](images/{picture.name})" in page.read_text(encoding="utf-8") for page in PAGES)


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = [line for b in blocks(DOCS / "index.md") if b.language == "{toctree}"
              for line in b.text.splitlines() if re.fullmatch(r"[a-z-]+", line)]  # fmt: skip

    assert sorted(listed) == sorted(p.stem for p in DOCS.glob("*.md") if p.stem != "index")


def generate(*arguments: str, docs: Path = DOCS) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(docs / "generate.py"), *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.process
def test_the_generated_pages_are_up_to_date() -> None:
    done = generate("--check")

    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


@pytest.mark.process
def test_a_stale_page_is_shown_as_a_diff_and_mended(tmp_path: Path) -> None:
    shutil.copy(DOCS / "generate.py", tmp_path)
    page = tmp_path / "cli.md"
    good = (DOCS / "cli.md").read_text(encoding="utf-8")
    page.write_text(good.replace("## bridge plan", "## bridge plans"), encoding="utf-8")

    stale = generate("--check", docs=tmp_path)
    assert stale.returncode == 1
    assert "-## bridge plans\n+## bridge plan\n" in stale.stdout
    assert "stale. Run: make generate" in stale.stderr
    assert page.read_text(encoding="utf-8") != good

    assert generate(docs=tmp_path).returncode == 0
    assert page.read_text(encoding="utf-8") == good
