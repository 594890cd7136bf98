"""Runs Python blocks of the published guide in this process, one namespace for all, and writes every image they name.

Usage: run_guide.py BLOCKS OUTPUT, with BLOCKS the JSON list of their texts. Prints one JSON line for each image.
"""

import ast
import asyncio
import inspect
import json
import os
import sys

from blaxel.core import ImageInstance
from blaxel.core.common.autoload import autoload
from blaxel.core.common.settings import Settings


def point_at_server():
    """The published client knows its hosts alone and reads no variable for another one."""
    Settings.base_url = property(lambda _: os.environ["BL_API_URL"])
    Settings.run_url = property(lambda _: os.environ["BL_RUN_URL"])
    autoload()


async def run_statement(statement, namespace):
    code = compile(
        ast.Module([statement], []), "guide", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    result = eval(code, namespace)
    if inspect.iscoroutine(result):
        await result


async def run_blocks(blocks, output):
    namespace = {"__name__": "guide"}
    for number, block in enumerate(blocks):
        for statement in ast.parse(block).body:
            before = dict(namespace)
            await run_statement(statement, namespace)
            for name, value in list(namespace.items()):
                if isinstance(value, ImageInstance) and before.get(name) is not value:
                    written = value.write(output, f"{number}-{value.hash}")
                    print(json.dumps({"block": number, "folder": str(written)}))


point_at_server()
if sys.argv[1] == "--script":
    sys.argv = sys.argv[2:]
    exec(compile(open(sys.argv[0]).read(), sys.argv[0], "exec"), {"__name__": "__main__"})
else:
    with open(sys.argv[1]) as file:
        asyncio.run(run_blocks(json.load(file), sys.argv[2]))
