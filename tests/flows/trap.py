"""A raw folder in which whatever takes code or settings from its working folder is caught."""

from pathlib import Path

MODULES = (
    "pipeline flows prefect click httpx uvicorn pydantic pydantic_settings rich pyarrow numpy duckdb anyio cloudpickle "
    "resource random json socket secrets asyncio multiprocessing runpy sitecustomize usercustomize"
).split()
STORY = (
    "The council met on Monday and agreed on a plan for the river.\n全国碳排放权交易市场首日成交量超过三百万吨。\n" * 3
)


def lay(raw: Path, marks: Path) -> None:
    """Fill a raw folder: one good page, and traps. What runs of it leaves a file in ``marks``."""
    for folder in (raw, marks):
        folder.mkdir(parents=True)
    for name in MODULES:
        code = f"open({str(marks / name)!r}, 'w').close()\n"
        (raw / f"{name}.py").write_text(code)
        (raw / name).mkdir()
        (raw / name / "__init__.py").write_text(code)
    (raw / "trap.pth").write_text(f"import os; open({str(marks / 'pth')!r}, 'w').close()\n")
    (raw / "winnow.toml").write_text('workers = "obeyed"\n')
    (raw / "prefect.toml").write_text("obeyed = =\n")
    (raw / "pyproject.toml").write_text("obeyed = =\n")
    (raw / "profiles.toml").write_text("obeyed = =\n")
    (raw / ".env").write_text("PREFECT_LOGGING_LEVEL=obeyed\nPREFECT_CLIENT_MAX_RETRIES=obeyed\n")
    (raw / "page.txt").write_text(STORY, "utf-8")
