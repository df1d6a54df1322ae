"""What this engine can do, told without loading a codec."""

from typing import Any

import msgspec

from mediamill.engine.registry import Registry
from mediamill.engine.settings import Settings
from mediamill.operations.sniff import decodable_images
from mediamill.protocol import version

IMAGES_OUT = ("png", "jpeg", "webp", "avif", "gif", "ico", "tiff")


def formats() -> dict[str, Any]:
    """Return the formats that are read and written, by medium."""
    return {"image": {"in": list(decodable_images()), "out": list(IMAGES_OUT)}}


def capabilities(registry: Registry, settings: Settings) -> dict[str, Any]:
    """Return what `mediamill caps` prints: versions, operations, formats and limits."""
    return {
        "protocol": version.PROTOCOL,
        "engine": version.ENGINE,
        "operations": {
            operation.name: {"summary": operation.summary, "medium": operation.medium, "lane": operation.lane}
            for operation in registry.all()
        },
        "formats": formats(),
        "limits": msgspec.to_builtins(settings.limits) | {"max_line_bytes": settings.max_line_bytes},
        "workers": settings.worker_count,
    }
