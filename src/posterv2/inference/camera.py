"""A camera's frames, through OpenCV."""

import time
from collections.abc import Iterator

import cv2

from posterv2.errors import VideoError
from posterv2.inference.frames import Frame


class CameraReader:
    """The frames of a camera as they come, until `close`; OpenCV counts cameras from 0."""

    def __init__(self, index: int, end: float | None = None) -> None:
        """Open the camera.

        Args:
            index: the camera's number.
            end: seconds after the first frame at which the frames end.

        Raises:
            VideoError: there is no such camera, or another program has it.
        """
        self._name, self._end = f"camera:{index}", end
        level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_SILENT
        )  # it would say in its own words that there is no camera
        try:
            self._camera = cv2.VideoCapture(index)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._camera.isOpened():
            raise VideoError(f"{self._name}: no such camera, or another program uses it; --camera takes 0, 1, ...")
        self._camera.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old frame is worth nothing

    def __iter__(self) -> Iterator[Frame]:
        """Frames, their times in seconds from the first one.

        Raises:
            VideoError: the camera gives no frame any more.
        """
        index, begin = 0, None
        while self._camera.isOpened():
            good, image = self._camera.read()
            now = time.monotonic()
            begin = now if begin is None else begin
            if self._end is not None and now - begin >= self._end:
                return
            if not good:
                raise VideoError(f"{self._name}: it gives no picture after {index} frames; is it still plugged in?")
            yield Frame(self._name, index, now - begin, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
            index += 1

    def close(self) -> None:
        """Let the camera go."""
        self._camera.release()
