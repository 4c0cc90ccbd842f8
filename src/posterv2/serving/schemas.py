"""The answers in OpenAPI's words; `Result.to_dict` and `RefusalError.to_dict` make them."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Quality(_Answer):
    """How good a look at the face was."""

    size: int = Field(description="Shorter side of the box in pixels.")
    sharpness: float = Field(ge=0, le=1)
    roll: float | None = Field(None, description="Degrees that the head is tilted to its side.")
    yaw: float | None = Field(None, description="Degrees that it is turned, roughly.")
    at_border: bool
    notes: list[str] = Field(description="What is wrong: small, blurred, tilted, turned, cut off.")


class Face(_Answer):
    """One face and the expression that it appears to show."""

    box: tuple[int, int, int, int] = Field(description="x, y, width, height in pixels of the upright picture.")
    score: float = Field(ge=0, le=1, description="How sure the detector is that this is a face.")
    expression: str = Field(description="The likeliest class, or `uncertain`.")
    probability: float = Field(ge=0, le=1)
    probabilities: dict[str, float] = Field(description="Of every class; they sum to 1.")
    landmarks: list[tuple[float, float]] | None = Field(
        None, description="Eyes, tip of the nose, corners of the mouth."
    )
    quality: Quality | None = None
    track: int | None = Field(None, description="The face's number over the frames of a stream.")
    choices: list[str] | None = Field(None, description="With a coverage: the classes that hold the right one.")


class Picture(_Answer):
    """The faces of one picture, from left to right; none is an answer too."""

    source: str = Field(description="The file's name as it was sent.")
    width: int
    height: int
    frame: int
    time: float | None = Field(None, description="Seconds from a stream's begin.")
    faces: list[Face]


class Error(_Answer):
    """What was wrong."""

    code: str = Field(description="One word for programs.")
    message: str = Field(description="What was wrong and what to do.")


class Failure(_Answer):
    """The body of every error."""

    error: Error


class FailedPicture(Failure):
    """One of several pictures that could not be answered; the others are."""

    source: str


class Input(_Answer):
    """What a face becomes."""

    size: int = Field(description="Side of the square input in pixels.")
    grayscale: bool


class Model(_Answer):
    """The label contract and the model card."""

    name: str
    labels: list[str] = Field(description="The classes, in the order of the logits.")
    input: Input
    metrics: dict[str, Any]
    card: str | None = Field(None, description="Markdown; null for weights without a card.")


class Status(_Answer):
    """Whether the service is up."""

    status: str


EXAMPLE = {
    "source": "astronaut.jpg",
    "width": 512,
    "height": 512,
    "frame": 0,
    "time": None,
    "faces": [
        {
            "box": [171, 58, 107, 147],
            "score": 0.999991,
            "expression": "happiness",
            "probability": 0.97,
            "probabilities": {"neutral": 0.02, "happiness": 0.97, "surprise": 0.01},
            "landmarks": [[203.6, 112.8], [247.0, 109.9], [230.3, 138.0], [209.8, 166.1], [246.1, 164.2]],
            "quality": {
                "size": 107,
                "sharpness": 0.62,
                "roll": -3.8,
                "yaw": 4.9,
                "at_border": False,
                "notes": [],
            },
            "track": None,
            "choices": None,
        }
    ],
}
