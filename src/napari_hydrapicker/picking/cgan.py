"""The cGAN picker: mark the particles, then find the marks (Kong et al., sections 2.1 to 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from napari_hydrapicker.cgan import weights as generator_file
from napari_hydrapicker.cgan.localise import find_blobs
from napari_hydrapicker.cgan.networks import Generator
from napari_hydrapicker.cgan.predict import DARKENED, ONCE, contrast, predict_masks, probability
from napari_hydrapicker.cgan.preprocess import WorkingImage, to_working_image
from napari_hydrapicker.cgan.weights import GeneratorMetadata
from napari_hydrapicker.errors import MicrographError, OutOfMemoryError, ParameterError, is_out_of_memory
from napari_hydrapicker.hydra.device import choose_device
from napari_hydrapicker.imaging.rescale import diameter_on, pixel_angstrom
from napari_hydrapicker.io.micrograph import Micrograph
from napari_hydrapicker.picking.base import MIN_SCORE, Candidates, kept
from napari_hydrapicker.picking.model_files import model_files
from napari_hydrapicker.picking.parameters import CGanSpec, PickParameters
from napari_hydrapicker.picks import Picks


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """A micrograph on the working image, and its pixel size."""

    working: WorkingImage
    pixel_size_angstrom: float


@dataclass(eq=False)
class CGanPicker:
    """Picks with a generator that was trained on synthetic pairs alone.

    Attributes
    ----------
    generator : Generator
        In evaluation mode, on the device to compute on.
    metadata : GeneratorMetadata
        What its file says about it.
    split : bool
        Whether merged marks are divided, and faint ones found too; without it their particles are lost, as in
        the paper.
    """

    generator: Generator
    metadata: GeneratorMetadata
    split: bool = True

    @classmethod
    def load(cls, spec: CGanSpec | None = None, device: str = "auto") -> Self:
        """Read the generator of a specification, the bundled one by default, and bring it to a device.

        Parameters
        ----------
        spec
            Its generator, and whether merged marks are divided.
        device
            "auto", "cpu", "cuda" or "mps".

        Raises
        ------
        WeightsError
            If the file is none of ours or is damaged.
        ParameterError
            If there is no such device, or no file is given and none comes with the package.
        """
        spec = spec or CGanSpec()
        target = choose_device(device)
        path, _ = model_files(spec)
        if path is None:
            raise ParameterError(
                "no generator comes with this installation: give one with `weights`, made with "
                "hydrapicker cgan train"
            )
        generator, metadata = generator_file.load(path)
        generator = generator.to(target).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return cls(generator, metadata, spec.split)

    @property
    def threshold(self) -> float:
        """Probability from which on picks are shown by default."""
        return self.metadata.threshold

    @property
    def device(self) -> str:
        """What the network computes on."""
        return str(next(self.generator.parameters()).device)

    def pick_micrograph(
        self, micrograph: Micrograph, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Read and pick a micrograph: see `Picker.pick_micrograph`."""
        return self.pick_prepared(self.prepare_micrograph(micrograph, parameters), parameters, floor)

    def prepare_micrograph(self, micrograph: Micrograph, parameters: PickParameters) -> PreparedImage:
        """Do what can be done without the generator, in any thread: see `batch.StagedPicker`."""
        p = parameters
        pixel_size = pixel_angstrom(micrograph)
        length_px = diameter_on(micrograph, p.diameter_angstrom)
        try:
            working = to_working_image(
                micrograph.pixels(), length_px, use_mask=p.use_mask, diameter_wpx=self.metadata.diameter_wpx,
                edited=micrograph.mask,
            )  # fmt: skip
        except (MicrographError, ParameterError) as error:
            if str(micrograph.path) in str(error):
                raise
            raise type(error)(f"{micrograph.path}: {error}") from error
        return PreparedImage(working, pixel_size)

    def pick_prepared(
        self, prepared: PreparedImage, parameters: PickParameters, floor: float = MIN_SCORE
    ) -> Picks:
        """Pick what `prepare_micrograph` has returned; together they are `pick_micrograph`."""
        return kept(self.candidates(prepared.working), parameters, prepared.pixel_size_angstrom, floor)

    def candidates(self, working: WorkingImage) -> Candidates:
        """Return all marks on a working image.

        Raises
        ------
        OutOfMemoryError
            If the working image is too large for the device.
        """
        meta = self.metadata
        yx_wpx, strength = find_blobs(working.image, self.mark(working.image), meta.localisation(self.split))
        contrasts = contrast(working.image, working.mask, yx_wpx, meta.diameter_wpx)
        return Candidates(working, yx_wpx, probability(strength, contrasts, meta.calibration))

    def mark(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """A working image's image with its marks, ``(H, W)`` each: see `cgan.predict.marked`.

        Raises
        ------
        OutOfMemoryError
            If the working image is too large for the device.
        """
        try:
            return predict_masks(self.generator, image, DARKENED if self.split else ONCE)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise OutOfMemoryError(
                f"marking a working image of {image.shape[0]} x {image.shape[1]} pixels does not fit into "
                "memory: "
                "close other programs, pick on another device (`device` cpu), or check the diameter"
            ) from error


load = CGanPicker.load
