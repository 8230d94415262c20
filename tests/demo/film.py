"""What a browser showed, as an animated picture with captions."""

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page

_FONT = Path(mpl.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
_WIDTH, _CAPTION, _SIZE = 880, 36, 16
"""Width of the pictures, height of the captions and size of their letters, in pixels."""


@dataclass(slots=True)
class Film:
    """Screenshots one after the other."""

    frames: list[Image.Image] = field(default_factory=list)
    """The pictures so far."""
    seconds: list[float] = field(default_factory=list)
    """How long each is shown."""

    def shoot(self, page: Page, caption: str, seconds: float = 2.5) -> None:
        """Add what is to be seen of a page."""
        shot = Image.open(BytesIO(page.screenshot())).convert("RGB")
        shot = shot.resize((_WIDTH, shot.height * _WIDTH // shot.width), Image.Resampling.LANCZOS)
        frame = Image.new("RGB", (_WIDTH, shot.height + _CAPTION), "#16191d")
        frame.paste(shot)
        place = _WIDTH // 2, shot.height + _CAPTION // 2
        font = ImageFont.truetype(str(_FONT), _SIZE)
        ImageDraw.Draw(frame).text(place, caption, fill="#ffffff", font=font, anchor="mm")
        self.frames.append(frame)
        self.seconds.append(seconds)

    def save(self, path: Path) -> None:
        """Write all as an animated picture (WebP)."""
        self.frames[0].save(
            path,
            "WEBP",
            save_all=True,
            append_images=self.frames[1:],
            duration=[round(each * 1000) for each in self.seconds],
            loop=0,
            quality=60,
            method=5,
        )
