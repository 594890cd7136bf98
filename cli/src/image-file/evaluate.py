"""Run by read-image-file.ts: evaluates a Python file and writes the images that it defines to file descriptor 3.

With the package `tensorlake` installed its own Image is read; without it, one that only records stands in for it.
"""

import json
import os
import runpy
import sys
import types

RESULT_FD = 3
TYPES = ("ADD", "COPY", "ENV", "RUN", "WORKDIR")


class Image:
    """Records what the published class would build."""

    def __init__(self, name="default", tag="latest", base_image=None):
        self._name, self._tag, self._base_image = name, tag, base_image
        self._build_operations = []
        attached.append(self)

    @property
    def name(self):
        return self._name

    @property
    def tag(self):
        return self._tag

    def _record(self, kind, args, options=None):
        operation = types.SimpleNamespace(type=kind, args=args, options=options or {})
        self._build_operations.append(operation)
        return self

    def add(self, src, dest, options=None):
        return self._record("ADD", [src, dest], options)

    def copy(self, src, dest, options=None):
        return self._record("COPY", [src, dest], options)

    def env(self, key, value):
        return self._record("ENV", [key, value])

    def run(self, commands, options=None):
        return self._record("RUN", commands if isinstance(commands, list) else [commands], options)

    def workdir(self, directory):
        return self._record("WORKDIR", [directory])

    def build(self, *_args, **_options):
        raise SystemExit("Image.build() needs the package: pip install tensorlake")


attached = []


def decorator(*args, **_options):
    """@function, @function(...): leaves what it decorates as it is."""
    if len(args) == 1 and callable(args[0]):
        return args[0]
    return lambda target: target


class Anything(types.ModuleType):
    """Whatever else an application file imports does nothing here."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return decorator


def install_recorder():
    for name in ("tensorlake", "tensorlake.applications", "tensorlake.image", "tensorlake.sandbox"):
        module = Anything(name)
        module.Image = Image
        module.__path__ = []
        sys.modules[name] = module


def image_class():
    try:
        import tensorlake
        from tensorlake.image import Image as published

        assert tensorlake
        return published
    except ImportError:
        install_recorder()
        return Image


def images_of_functions():
    try:
        from tensorlake.applications.registry import get_functions

        return [function._function_config.image for function in get_functions()]
    except Exception:  # pylint: disable=broad-exception-caught # another version keeps them elsewhere
        return []


def definition(image):
    operations = [
        {
            "type": operation.type if isinstance(operation.type, str) else operation.type.name,
            "args": [str(argument) for argument in operation.args],
            "options": {str(key): str(value) for key, value in (operation.options or {}).items()},
        }
        for operation in image._build_operations
    ]
    return {"name": image._name, "baseImage": image._base_image, "operations": operations}


def main(path):
    known = image_class()
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    defined = runpy.run_path(path, run_name="__atoll_image__")
    found = [value for value in [*defined.values(), *images_of_functions()] if isinstance(value, known)]
    unique = list({id(image): image for image in [*found, *attached]}.values())
    with os.fdopen(RESULT_FD, "w", encoding="utf-8") as result:
        json.dump([definition(image) for image in unique], result)


main(os.path.abspath(sys.argv[1]))
