"""Images as Fourier coefficients on a polar grid, where a rotation is a product and a shift is a phase.

A ring of the transform of a real image is determined by half of its angles: ``F(k, t + pi) = conj(F(k, t))``.
Along the angle it is expanded into harmonics; the correlation of two rings over all rotations is then the
product of their harmonics (Kostelec & Rockmore 2008; as in Joyeux & Penczek 2002, Ultramicroscopy 92:33).
The samples are computed by their definition, as one matrix product: nothing is interpolated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PolarGrid:
    """Rings of Fourier space on which images of one size are compared.

    Attributes
    ----------
    box : int
        Side of the images, pixels.
    radii : Tensor, shape (R,)
        Radius of each ring, Fourier pixels: cycles in `box` pixels.
    n_angles : int
        Angles of a full turn, a multiple of 2.
    """

    box: int
    radii: Tensor
    n_angles: int

    @classmethod
    def up_to(cls, box: int, finest: float, diameter_px: float) -> PolarGrid:
        """Rings from 1 to `finest` Fourier pixels, with the angles that a particle of that diameter needs."""
        harmonics = math.pi * diameter_px * finest / box
        n_angles = 2 * math.ceil(min(max(harmonics * 1.1 + 2, 18), 96))
        return cls(box, torch.arange(1, math.floor(finest) + 1, dtype=torch.float32), n_angles)

    @property
    def n_harmonics(self) -> int:
        """Harmonics from 0 that determine a ring."""
        return self.n_angles // 2 + 1

    def _frequencies(self) -> tuple[Tensor, Tensor]:
        """Cycles per pixel along rows and columns, each (R, n_angles / 2)."""
        angle = torch.arange(self.n_angles // 2) * (2 * math.pi / self.n_angles)
        radius = self.radii[:, None] / self.box
        return radius * torch.sin(angle), radius * torch.cos(angle)

    def transform(self, images: Tensor) -> Tensor:
        """Fourier coefficients of images (N, box, box) about their centre: complex (N, R, n_angles / 2)."""
        down, across = (2 * math.pi * f.reshape(-1) for f in self._frequencies())  # (P,)
        place = torch.arange(self.box, dtype=torch.float32) - self.box // 2
        rows, columns = down[:, None] * place, across[:, None] * place  # (P, box)
        phase = (rows[:, :, None] + columns[:, None, :]).reshape(len(down), -1)  # (P, box * box)
        flat = images.reshape(len(images), -1)
        coefficients = torch.complex(flat @ torch.cos(phase).T, -(flat @ torch.sin(phase).T))
        return coefficients.reshape(len(images), len(self.radii), -1)

    def image(self, coefficients: Tensor) -> Tensor:
        """Real images (N, box, box) that have the coefficients (N, R, n_angles / 2), but for a factor.

        The adjoint of `transform`, each ring weighted with the area that it stands for.
        """
        down, across = (2 * math.pi * f.reshape(-1) for f in self._frequencies())
        place = torch.arange(self.box, dtype=torch.float32) - self.box // 2
        rows, columns = down[:, None] * place, across[:, None] * place
        phase = (rows[:, :, None] + columns[:, None, :]).reshape(len(down), -1)
        area = (self.radii[:, None] * 2 * math.pi / self.n_angles * 2 / self.box**2).expand(
            len(self.radii), self.n_angles // 2
        )
        weighted = (coefficients * area).reshape(len(coefficients), -1)
        images = weighted.real @ torch.cos(phase) - weighted.imag @ torch.sin(phase)
        return images.reshape(-1, self.box, self.box)

    def shift(self, yx: Tensor) -> Tensor:
        """Factors (S, R, n_angles / 2) that move an image by (rows, columns) (S, 2), pixels."""
        down, across = self._frequencies()
        phase = -2 * math.pi * (yx[:, 0, None, None] * down + yx[:, 1, None, None] * across)
        return torch.polar(torch.ones_like(phase), phase)

    def harmonics(self, coefficients: Tensor) -> Tensor:
        """Angular harmonics (..., R, n_harmonics) of coefficients (..., R, n_angles / 2)."""
        full = torch.cat([coefficients, coefficients.conj()], dim=-1)
        found: Tensor = torch.fft.fft(full, dim=-1)[..., : self.n_harmonics]
        return found

    def from_harmonics(self, harmonics: Tensor) -> Tensor:
        """Coefficients (..., R, n_angles / 2) of angular harmonics (..., R, n_harmonics)."""
        order = torch.arange(1, self.n_angles // 2)
        sign = 1.0 - 2.0 * (order % 2)
        negative = (harmonics[..., 1:-1].conj() * sign).flip(-1)  # c(-m) = (-1)^m conj(c(m))
        full = torch.cat([harmonics, negative], dim=-1)
        found: Tensor = torch.fft.ifft(full, dim=-1)[..., : self.n_angles // 2]
        return found
