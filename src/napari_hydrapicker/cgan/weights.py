"""Generators on disk: one safetensors file, float16, whose metadata says all that is needed to pick with it.

Nothing in such a file is ever executed. What is not ours or not whole is refused before a tensor is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import torch
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue, field_validator

from napari_hydrapicker.cgan.localise import LocaliseParameters
from napari_hydrapicker.cgan.networks import GENERATOR_WIDTH as DEFAULT_WIDTH
from napari_hydrapicker.cgan.networks import Generator, LossName
from napari_hydrapicker.cgan.predict import Calibration
from napari_hydrapicker.cgan.preprocess import CGAN_DIAMETER_WPX
from napari_hydrapicker.cgan.synthesis_parameters import SynthesisParameters
from napari_hydrapicker.io import safetensors as container
from napari_hydrapicker.io.safetensors import GENERATOR

FORMAT_VERSION: Final = 1
_SPLIT_TOLERANCE, _SPLIT_THRESHOLD, _SPLIT_EROSION_WPX = 0.8, 0.05, 3
_USUAL_CALIBRATION = (6.5, 1.2, -3.5)  # of a generator that knows none
_COUNTER = ".num_batches_tracked"  # of normalisation: of no use once trained, and too large for float16


class GeneratorMetadata(BaseModel):
    """What must be known to use a generator, and where it came from.

    The fields whose names end in ``_wpx`` end in ``_cpx`` in files: those written before can be read, and new
    ones by programs that are older.

    Attributes
    ----------
    width
        Channels of its outermost layers, which fixes the shape of every tensor.
    diameter_wpx
        Length of a particle on the working image, working pixels.
    marker_wpx
        Side of the black squares of its training, working pixels: what one mark measures.
    calibration
        What `predict.probability` takes; neither strength nor contrast may speak against a particle. The
        two numbers of older files belong to a score that is gone; usual ones take their place.
    threshold
        Probability from which on a pick is shown by default.
    loss
        Which adversarial loss it was trained with.
    training
        Provenance: pairs, parameters, steps, figures on held-out pairs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal["napari-hydrapicker cgan"] = "napari-hydrapicker cgan"
    format_version: Literal[1] = FORMAT_VERSION
    width: int = Field(default=DEFAULT_WIDTH, ge=1, le=256)
    diameter_wpx: float = Field(
        default=CGAN_DIAMETER_WPX,
        ge=8,
        le=64,
        validation_alias=AliasChoices("diameter_wpx", "diameter_cpx"),
        serialization_alias="diameter_cpx",
    )
    marker_wpx: int = Field(
        default=SynthesisParameters.marker_wpx,
        ge=1,
        le=512,
        validation_alias=AliasChoices("marker_wpx", "marker_cpx"),
        serialization_alias="marker_cpx",
    )
    calibration: Calibration = _USUAL_CALIBRATION
    threshold: float = Field(default=0.5, ge=0, le=1)
    loss: LossName = "mean-squared"
    training: dict[str, JsonValue] = Field(default_factory=dict)

    @field_validator("calibration")
    @classmethod
    def _rising(cls, value: Calibration) -> Calibration:
        if value[0] <= 0 or value[1] < 0:
            raise ValueError("the slopes of a calibration must not be below 0, nor that of the strength be 0")
        return value

    def localisation(self, split: bool = True) -> LocaliseParameters:
        """How this generator's marks are found.

        Parameters
        ----------
        split
            Whether merged marks are divided. Then a size other than the mean's is no reason any more to
            leave one out, nor is faintness: that the generator was in doubt is what the score says.
            Without, it is the paper's Algorithm 3, which loses most merged marks.
        """
        if not split:
            return LocaliseParameters()
        return LocaliseParameters(
            threshold=_SPLIT_THRESHOLD, erosion_wpx=_SPLIT_EROSION_WPX, tolerance=_SPLIT_TOLERANCE,
            split=True, marker_wpx=self.marker_wpx,
        )  # fmt: skip


def save(generator: Generator, path: Path, meta: GeneratorMetadata) -> GeneratorMetadata:
    """Write a generator; an existing file is replaced only once the new one is whole.

    Returns
    -------
    GeneratorMetadata
        What was written: `meta` with the generator's width.

    Raises
    ------
    WeightsError
        If the generator holds values that float16 cannot, or the file cannot be written.
    """
    meta = meta.model_copy(update={"width": generator.width})
    header = {"format": GENERATOR, "metadata": meta.model_dump_json(by_alias=True)}
    container.write_module(path, generator, header, "generator", without=(_COUNTER,))
    return meta


def read_metadata(path: Path) -> GeneratorMetadata:
    """What a generator's file says about itself, without reading its tensors.

    Raises
    ------
    WeightsError
        If the file is not one of ours or is damaged.
    """
    return _parse(path, container.read_header(path, GENERATOR))


def load(path: Path) -> tuple[Generator, GeneratorMetadata]:
    """Read a generator, on the CPU, in float32 and in evaluation mode.

    Raises
    ------
    WeightsError
        If the file is not one of ours, is damaged, or comes from a newer version.
    """
    header, tensors = container.read(path, GENERATOR)
    meta = _parse(path, header)
    with torch.device("meta"):  # shapes without storage: a strange file cannot ask for memory
        generator = Generator(meta.width)
    counters = [name for name in generator.state_dict() if name.endswith(_COUNTER)]
    tensors |= dict.fromkeys(counters, torch.zeros((), dtype=torch.float16))
    return container.fill_module(path, tensors, generator), meta


def _parse(path: Path, header: dict[str, str]) -> GeneratorMetadata:
    text = header.get("metadata", "")
    called = "generator format", "description"
    return container.parse(path, text, GeneratorMetadata, FORMAT_VERSION, called)
