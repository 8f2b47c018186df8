"""Pictures of the npm package emoji-datasource-twitter into folders named after their categories.

npm pack emoji-datasource-twitter@16.0.0 && tar xzf emoji-datasource-twitter-16.0.0.tgz
python experiments/emoji/folders.py package emoji
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path


def main(package: Path, out: Path) -> None:
    """One picture of 64 px an emoji, without its variants of skin; the five mere components are left out."""
    for one in json.loads((package / "emoji.json").read_text()):
        if one["has_img_twitter"] and one["category"] != "Component":
            folder = out / re.sub(r"[^a-z]+", "-", one["category"].lower())
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(package / "img" / "twitter" / "64" / one["image"], folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
