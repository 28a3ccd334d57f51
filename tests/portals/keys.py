"""Pages used with nothing but the keyboard."""

from playwright.sync_api import Page

_LABEL = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return '';
  const texts = e.labels && e.labels.length ? [...e.labels].map(l => l.innerText) : [e.innerText];
  const legend = e.type === 'radio' && e.closest('fieldset') && e.closest('fieldset').querySelector('legend');
  return [...texts, e.getAttribute('aria-label') || '', legend ? legend.innerText : ''].join(' ');
}"""


class Keys:
    """The keyboard of somebody who has no mouse, and how often they pressed a key that is no text."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def press(self, key: str) -> None:
        self.pressed += 1
        self.page.keyboard.press(key)

    def focused(self) -> str:
        """What the focus is on, as a screen reader would name it."""
        found: str = self.page.evaluate(_LABEL)
        return found

    def to(self, name: str) -> None:
        """Press Tab until the focus is on what has this in its name."""
        for _ in range(90):
            if name in self.focused():
                return
            self.press("Tab")
        raise AssertionError(f"Tab never came to {name} on {self.page.url}")

    def write(self, name: str, text: str) -> None:
        """Type into the field of a name, over what stands in it."""
        self.to(name)
        self.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, name: str) -> None:
        """Choose one of a group of radio buttons by its arrows, or tick a box."""
        for _ in range(90):
            if name in self.focused():
                break
            kind = self.page.evaluate("document.activeElement.type || ''")
            chosen = self.focused()
            self.press("ArrowDown" if kind == "radio" else "Tab")
            if kind == "radio" and (self.focused() == chosen or self._round(name)):
                self.press("Tab")
        assert name in self.focused(), f"{name} cannot be chosen on {self.page.url}"
        if not self.page.evaluate("document.activeElement.checked"):
            self.press("Space")

    def _round(self, name: str) -> bool:
        """Whether the group of the focus has nothing of this name."""
        script = """name => ![...document.querySelectorAll(
          `input[type=radio][name="${document.activeElement.name}"]`)]
          .some(e => [...e.labels].some(l => l.innerText.includes(name)))"""
        found: bool = self.page.evaluate(script, name)
        return found

    def enter(self) -> None:
        """Press Enter and wait for the page it leads to. A page that was just shown puts the focus where
        it belongs a moment later, on a busy machine later than a test presses keys."""
        self.page.wait_for_function("document.activeElement !== document.body")
        with self.page.expect_navigation():
            self.press("Enter")

    def follow(self, name: str) -> None:
        """Go to a link or button, press Enter."""
        self.to(name)
        self.enter()
