"""Takes a page's pictures: at a desk and on a phone, light and dark; and the small ones that are served."""

import base64
from pathlib import Path

from playwright.sync_api import Page

DESK, PHONE = (1280, 800), (390, 844)
SERVED_WIDTH, SERVED_HEIGHT = 1100, 840
QUALITY = 0.82
TO_WEBP = """async ([png, quality]) => {
  const picture = new Image();
  picture.src = `data:image/png;base64,${png}`;
  await picture.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [picture.naturalWidth, picture.naturalHeight];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""


class Camera:
    """Writes pictures into a folder, by the name of what they show, the width and the theme."""

    def __init__(self, folder: Path, served: Path) -> None:
        self.folder = folder
        self.served = served
        folder.mkdir(parents=True, exist_ok=True)
        served.mkdir(parents=True, exist_ok=True)

    def take(self, page: Page, name: str, *, dark: bool = False, paints_for: float = 0) -> None:
        """The whole page, at a desk and on a phone; with `dark`, in that theme too."""
        for scheme in ("light", "dark") if dark else ("light",):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            for width, height in (PHONE, DESK):
                page.set_viewport_size({"width": width, "height": height})
                page.wait_for_timeout(paints_for)
                page.screenshot(path=self.folder / f"{name}-{width}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")

    def serve(self, page: Page, name: str, *, paints_for: float = 0) -> None:
        """What one sees first of the page, as a small picture for the guide."""
        page.set_viewport_size({"width": SERVED_WIDTH, "height": SERVED_HEIGHT})
        page.evaluate("window.scrollTo(0, 0)")
        page.wait_for_timeout(paints_for)
        png = page.screenshot()
        blank = page.context.new_page()
        packed = blank.evaluate(TO_WEBP, [base64.b64encode(png).decode(), QUALITY])
        blank.close()
        (self.served / f"{name}.webp").write_bytes(base64.b64decode(packed))
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
