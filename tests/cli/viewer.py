#!/usr/bin/env python3
"""viewer.py viewer.html EXPECTED.json: moves over the page in a headless Chromium and reads its pixels.

EXPECTED: a list of {line, place, channel, key (or absent: by the pointer), row, column}; row and column are lists of
[row, column, byte], where byte is what the picture of the page holds there, value / step. Exit code 77: no Chromium.
Speaks the DevTools protocol over a pipe: messages are JSON, each ends with a zero byte.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

colours = [(5, 48, 97), (33, 102, 172), (67, 147, 195), (166, 206, 227), (247, 247, 247), (244, 183, 154), (214, 96, 77),
           (178, 24, 43), (103, 0, 31)]
most_milliseconds = 100


def colour(byte):
    at = 4 + 4 * byte / 127
    low = min(7, int(at))
    return [round(a + (at - low) * (b - a)) for a, b in zip(colours[low], colours[low + 1])]


class Browser:
    def __init__(self, program, folder):
        self.to_read, to_write = os.pipe()
        read, self.to_browser = os.pipe()

        def descriptors():  # the browser reads from 3 and writes to 4
            a, b = os.dup(read), os.dup(to_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        words = [program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
                 f"--user-data-dir={folder}", "--window-size=1300,1300", "about:blank"]
        with open(pathlib.Path(folder) / "log", "wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=False,
                                            preexec_fn=descriptors, env=dict(os.environ, HOME=folder))
        os.close(read)
        os.close(to_write)
        self.calls, self.rest, self.session = 0, b"", None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method, **parameters):
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                more = os.read(self.to_read, 1 << 16)
                if not more:
                    raise RuntimeError("the browser has ended")
                self.rest += more
            text, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(text)
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def ask(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def close(self):
        self.process.terminate()
        self.process.wait()


class Page:
    def __init__(self, browser, page):
        self.browser = browser
        browser.call("Page.enable")
        browser.call("Page.navigate", url=pathlib.Path(page).resolve().as_uri())
        self.wait("typeof shown !== 'undefined' && shown !== null")
        self.tour = browser.ask("tour")
        self.times = []

    def wait(self, condition, seconds=20):
        end = time.time() + seconds
        while True:
            try:
                if self.browser.ask(condition):
                    return
            except RuntimeError:  # between two pages
                pass
            if time.time() > end:
                raise RuntimeError(f"not so after {seconds} s: {condition}; page: {self.browser.ask('document.body.innerText')}")
            time.sleep(0.005)

    def move(self, line, place):
        """The pointer to a pixel of the input; the page tells how long it took from the event to the last canvas."""
        box = self.browser.ask("(() => { element('x').scrollIntoView(); const b = element('x').getBoundingClientRect();"
                               " return [b.left + 1, b.top + 1, element('x').clientWidth, element('x').clientHeight]; })()")
        image, step = self.tour["input"], self.tour["step"]
        x = box[0] + (place * step + 0.5) / image["width"] * box[2]
        y = box[1] + (line * step + 0.5) / image["height"] * box[3]
        self.browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.wait(f"shown.line === {line} && shown.place === {place}")
        self.times.append(self.browser.ask("shown.milliseconds"))

    def press(self, key):
        self.browser.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        self.browser.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def pixel(self, name, row, column):
        """The colour of the canvas in the middle of a pixel of the image."""
        return self.browser.ask(f"(() => {{ const c = element('{name}'), p = shown.{name}.part;"
                                f" const x = Math.floor(({column} + .5 - p.left) * c.width / p.width),"
                                f" y = Math.floor(({row} + .5 - p.top) * c.height / p.height);"
                                " return [...c.getContext('2d').getImageData(x, y, 1, 1).data.slice(0, 3)]; })()")


def problems_of(page, expected):
    for one in expected:
        if "key" in one:
            page.press(one["key"])
            page.wait(f"shown.line === {one['line']} && shown.place === {one['place']}")
        else:
            page.move(one["line"], one["place"])
        while page.browser.ask("shown.channel") != one["channel"]:
            before = page.browser.ask("shown.channel")
            page.press("c")
            page.wait(f"shown.channel !== {before}")
        for name in ("row", "column"):
            for row, column, byte in one[name]:
                found, wanted = page.pixel(name, row, column), colour(byte)
                if max(abs(a - b) for a, b in zip(found, wanted)) > 1:
                    yield f"{name} of {one['line']}, {one['place']}, channel {one['channel']}: pixel {row}, {column} is {found}, expected {wanted}"
    page.press("+")
    page.wait("shown.zoom === 2")
    last = expected[-1]
    part = page.browser.ask("shown.row.part")
    if part["height"] * 2 != page.tour["input"]["height"]:
        yield f"zoomed: {part}"
    seen = [(row, column, byte) for row, column, byte in last["row"]
            if 0 <= row - part["top"] <= part["height"] - 1 and 0 <= column - part["left"] <= part["width"] - 1]
    if not any(byte != 0 for _, _, byte in seen):
        yield "zoomed: there is nothing to see"
    for row, column, byte in seen:
        if page.pixel("row", row, column) != colour(byte):
            yield f"zoomed: pixel {row}, {column} is {page.pixel('row', row, column)}, expected {colour(byte)}"
    median = sorted(page.times)[len(page.times) // 2]  # tests run beside others: single moves may wait for a core
    if median > most_milliseconds:
        yield f"a move took {median} ms, expected at most {most_milliseconds}"


def main():
    program = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
    if program is None:
        print("skipped: no Chromium")
        return 77
    expected = json.loads(pathlib.Path(sys.argv[2]).read_text())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            page = Page(browser, sys.argv[1])
            problems = list(problems_of(page, expected))
            times = sorted(page.times)
        finally:
            browser.close()
    print("\n".join(problems))
    print(f"{len(times)} moves: median {times[len(times) // 2]:.1f} ms, largest {times[-1]:.1f} ms")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
