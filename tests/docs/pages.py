import re
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
_COMMENT = re.compile(r"<!--\s*(not run|before):\s*(.+?)\s*-->", re.DOTALL)


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str
    not_run: str
    before: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


class Step(NamedTuple):
    command: str
    shown: str


def pages() -> list[str]:
    """List the pages whose blocks are run: not decisions, nor docs/incidents.md, which `vshop verify` covers."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [str(path.relative_to(ROOT)) for path in found]
    return [name for name in names if not name.startswith("docs/adr/") and name != "docs/incidents.md"]


def blocks(page: str) -> list[Block]:
    found: list[Block] = []
    said: dict[str, str] = {}
    for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8")):
        if token.type == "html_block":
            said |= {what: " ".join(text.split()) for what, text in _COMMENT.findall(token.content)}
        elif token.type == "fence":
            place = (token.map or [0])[0] + 1
            found.append(Block(page, place, token.info.strip(), token.content, said.get("not run", ""), said.get("before", "")))
            said = {}
    return found


def inline_commands(page: str) -> list[str]:
    tokens = MarkdownIt().enable("table").parse((ROOT / page).read_text(encoding="utf-8"))
    codes = [child.content for token in tokens for child in token.children or () if child.type == "code_inline"]
    return [code for code in codes if re.match(r"(vshop|make) \w", code)]


def steps(block: Block) -> list[Step]:
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(re.sub(r"\s{2,}# .*", "", line[2:]), ""))
        elif found and found[-1].command.endswith("\\"):
            found[-1] = Step(f"{found[-1].command}\n{line}", "")
        elif found:
            found[-1] = Step(found[-1].command, f"{found[-1].shown}{line}\n")
        else:
            raise ValueError(f"{block}: a console block begins with `$ `")
    return found
