"""`jaxsched report`: writes the results of `check` as an HTML page with every curve."""

from typing import Any

from .arguments import command
from .check import add_files


def add(commands) -> None:
    parser = command(
        commands,
        "report",
        run,
        help="write an HTML page that shows every trace and jaxsched's rates",
        description="Evaluates traces as `jaxsched check` does, with the same exit status, and"
        " writes an HTML page\nwith every curve and its errors.",
        examples=["jaxsched report my_run.jsonl -o parity.html"],
    )
    add_files(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="PAGE",
        required=True,
        help="the file to write, for example parity.html",
    )


def run(options: Any) -> int:
    from .._text.files import check_writable, write
    from .check import all_match, evaluate, verdict
    from .output import optional

    optional("jinja2", "report")
    check_writable(options.output)
    from .._report.page import page

    results = evaluate(options.files)
    write(options.output, page(results))
    print(f"wrote {options.output}: {verdict(results)}")
    return 0 if all_match(results) else 1
