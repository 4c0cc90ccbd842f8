"""A camera of this machine, through OpenCV."""

import time
from collections.abc import Iterator

from posterv2.errors import VideoError
from posterv2.inference.frames import Frame
from posterv2.inference.thinning import Thinning

_USUAL_RATE = 30.0  # frames a second, where a camera does not tell


class CameraReader:
    """The frames of a camera as they come, until `close`; times are seconds from the first one.

    Attributes:
        name: `camera:0`, what `Frame.source` says.
        rate: frames a second that the camera promises.
    """

    def __init__(self, number: int, fps: float | None = None, end: float | None = None) -> None:
        """Open camera `number`, from 0; `fps` and `end` choose frames as for a `VideoReader`.

        Raises:
            VideoError: there is no such camera, or it is taken.
            UsageError: settings that cannot be.
        """
        import cv2

        self.name = f"camera:{number}"
        self._thinning = Thinning(fps, end=end)
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_SILENT
        )  # it would say on stderr, in its own words, that there is no camera
        try:
            self._capture = cv2.VideoCapture(number)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._capture.isOpened():
            raise VideoError(f"{self.name}: there is no such camera, or another program has it; cameras count from 0")
        promised = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = promised if promised > 0 else _USUAL_RATE

    def __iter__(self) -> Iterator[Frame]:
        """Frames with their times, taken when the camera gave them.

        Raises:
            VideoError: the camera stopped, or was unplugged.
        """
        import cv2

        begin: float | None = None
        before: float | None = None
        number = 0
        while self._capture.isOpened():
            there, image = self._capture.read()
            now = time.monotonic()
            if not there:
                if not self._capture.isOpened():
                    return
                raise VideoError(f"{self.name}: the camera gives no more pictures")
            begin = now if begin is None else begin
            if self._thinning.over(now - begin):
                return
            if self._thinning.chosen(now - begin, before, self.rate):
                yield Frame(self.name, number, now - begin, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            before, number = now - begin, number + 1

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()
