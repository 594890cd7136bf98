"""What programs do with a sandbox by the Python client: processes, files and previews."""

import asyncio
import os

from blaxel.core import SandboxInstance


async def main():
    sandbox = await SandboxInstance.get(os.environ["SANDBOX_NAME"])
    done = await sandbox.process.exec(
        {"command": "cat /installed; echo $PYTHONUNBUFFERED; pwd", "wait_for_completion": True}
    )
    print(done.stdout, end="")
    await sandbox.fs.write("/tmp/written", "by Python\n")
    print(await sandbox.fs.read("/tmp/written"), end="")
    print([file.name for file in (await sandbox.fs.ls("/tmp")).files])
    preview = await sandbox.previews.create(
        {"metadata": {"name": "web"}, "spec": {"port": 3000, "public": True}}
    )
    print(preview.spec.url.startswith(os.environ["BL_RUN_URL"] + "/preview/"))
    await SandboxInstance.delete(os.environ["SANDBOX_NAME"])


asyncio.run(main())
